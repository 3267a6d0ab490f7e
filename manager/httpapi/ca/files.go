package ca

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/internal/durable"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 1 << 20

// writeNew writes a PEM file, for its owner alone, that was not there.
func writeNew(path, kind string, der []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("file %q: there is one, and nothing is overwritten", path)
		}
		return fmt.Errorf("file %q: %w", path, err)
	}
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("file %q: write: %w", path, err), os.Remove(path))
	}
	return durable.SyncDir(filepath.Dir(path))
}

// load reads the authority of a folder.
func load(folder string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	der, err := read(filepath.Join(folder, caName+certSuffix), "CERTIFICATE")
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate authority in %q: %w", folder, err)
	}
	if der, err = read(filepath.Join(folder, caName+keySuffix), "PRIVATE KEY"); err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate authority in %q: key: %w", folder, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, fmt.Errorf("certificate authority in %q: the key is not the certificate's", folder)
	}
	return cert, key, nil
}

func read(path, kind string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = errors.New(`it is not there; "hull serve ca init" makes an authority`)
		}
		return nil, fmt.Errorf("file %q: %w", path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("file %q: %w", path, err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("file %q: there is no %q in it", path, kind)
	}
	return block.Bytes, nil
}
