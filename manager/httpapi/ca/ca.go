package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names of the authority's files in its folder. What it issues has the name that
// it was issued for.
const (
	caName     = "ca"
	certSuffix = ".pem"
	keySuffix  = ".key"
)

// How long certificates hold: clocks of two hosts may differ at their beginning.
const (
	caTime    = 10 * 365 * 24 * time.Hour
	issueTime = 2 * 365 * 24 * time.Hour
	skew      = 5 * time.Minute
)

// Init makes an authority in a folder, which is made where it is missing, and
// returns the path of its certificate.
func Init(folder, name string) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("certificate authority: make folder: %w", err)
	}
	template, err := newTemplate(name, caTime)
	if err != nil {
		return "", err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return create(folder, caName, template, nil, nil)
}

// Request says for whom a certificate is.
type Request struct {
	Name string // of its files, and its common name
	// Hosts are the names and addresses by which clients reach the server. Without
	// one the certificate is a client's.
	Hosts []string
}

// Issue makes a certificate of the folder's authority, and returns its path.
func Issue(folder string, q Request) (string, error) {
	if err := checkName(q.Name); err != nil {
		return "", err
	}
	authority, key, err := load(folder)
	if err != nil {
		return "", err
	}
	template, err := newTemplate(q.Name, issueTime)
	if err != nil {
		return "", err
	}
	if template.NotAfter.After(authority.NotAfter) {
		template.NotAfter = authority.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, host := range q.Hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		if host == "" || strings.ContainsAny(host, " /:@") {
			return "", fmt.Errorf("certificate %q: host %q is neither a name nor an address", q.Name, host)
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	return create(folder, q.Name, template, authority, key)
}

// checkName refuses what would be a file elsewhere, or the authority's.
func checkName(name string) error {
	foreign := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
	}
	if name == "" || len(name) > 64 || name[0] == '.' || name == caName || strings.ContainsFunc(name, foreign) {
		return fmt.Errorf("certificate %.80q: a name has 1 to 64 letters, digits, '.', '_' and '-', does not begin with a dot, and is not %q", name, caName)
	}
	return nil
}

func newTemplate(name string, holds time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certificate %q: serial number: %w", name, err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Hull"}},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(holds),
	}, nil
}

// create makes a key and a certificate, which signs itself where there is no
// authority, and writes both.
func create(folder, name string, template, authority *x509.Certificate, signer *ecdsa.PrivateKey) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("certificate %q: key: %w", name, err)
	}
	if authority == nil {
		authority, signer = template, key
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, signer)
	if err != nil {
		return "", fmt.Errorf("certificate %q: sign: %w", name, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("certificate %q: key: %w", name, err)
	}
	path := filepath.Join(folder, name+certSuffix)
	keyPath := filepath.Join(folder, name+keySuffix)
	if err := writeNew(keyPath, "PRIVATE KEY", der); err != nil {
		return "", err
	}
	if err := writeNew(path, "CERTIFICATE", cert); err != nil {
		return "", errors.Join(err, os.Remove(keyPath))
	}
	return path, nil
}
