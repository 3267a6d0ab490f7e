package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// maxFile bounds what is read of a certificate or a key, in bytes.
const maxFile = 1 << 20

// Files are paths of PEM files.
type Files struct {
	CA   string // whose certificates the other side must have
	Cert string // of this side, with those between it and its authority
	Key  string // of Cert
}

// Named reports whether any file is named: without any, connections are plain.
func (f Files) Named() bool { return f != Files{} }

// Client is how a source speaks to a target of this name: TLS 1.3, with certificates
// on both sides.
func Client(f Files, serverName string) (*tls.Config, error) {
	if serverName == "" {
		return nil, errors.New("TLS: the target's name is not known, and its certificate is checked against it")
	}
	c, pool, err := f.config(x509.ExtKeyUsageClientAuth, "connecting to others")
	if err != nil {
		return nil, err
	}
	pair := c.Certificates[0]
	c.RootCAs, c.ServerName = pool, serverName
	// Without this a certificate of another authority than the target's is not even
	// shown, and the target says that there is none.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return c, nil
}

// Server is how a target speaks to sources.
func Server(f Files) (*tls.Config, error) {
	c, pool, err := f.config(x509.ExtKeyUsageServerAuth, "being connected to: it was issued without names of its host")
	if err != nil {
		return nil, err
	}
	c.ClientCAs, c.ClientAuth = pool, tls.RequireAndVerifyClientCert
	return c, nil
}

// config is what both sides have, for a certificate that is good for a usage.
func (f Files) config(usage x509.ExtKeyUsage, purpose string) (*tls.Config, *x509.CertPool, error) {
	var missing []string
	for _, file := range []struct{ what, path string }{{"an authority's certificate", f.CA}, {"a certificate", f.Cert}, {"the certificate's key", f.Key}} {
		if file.path == "" {
			missing = append(missing, file.what)
		}
	}
	if missing != nil {
		return nil, nil, fmt.Errorf("TLS: it takes an authority's certificate, a certificate and its key: %s is missing", strings.Join(missing, " and "))
	}
	pair, err := f.pair()
	if err != nil {
		return nil, nil, err
	}
	if err := checkOwn(pair.Leaf, usage, purpose, time.Now()); err != nil {
		return nil, nil, fmt.Errorf("TLS: certificate %q: %w", f.Cert, err)
	}
	pool, err := authority(f.CA)
	if err != nil {
		return nil, nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		// Sessions are not resumed: each connection is checked anew.
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // memory comes in megabytes
	}, pool, nil
}

func (f Files) pair() (tls.Certificate, error) {
	none := tls.Certificate{}
	cert, err := read(f.Cert)
	if err != nil {
		return none, fmt.Errorf("TLS: certificate: %w", err)
	}
	key, err := read(f.Key)
	if err != nil {
		return none, fmt.Errorf("TLS: key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return none, fmt.Errorf("TLS: certificate %q with key %q: %s", f.Cert, f.Key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	return pair, nil
}

// authority is the certificates of a file.
func authority(path string) (*x509.CertPool, error) {
	pem, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("TLS: authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("TLS: authority's certificate %q: there is no certificate in it", path)
	}
	return pool, nil
}

// read is a file's content; its error has the path.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%q: more than %d bytes", path, maxFile)
	}
	return b, nil
}

// checkOwn says of this side's certificate what the other side would, but earlier.
func checkOwn(cert *x509.Certificate, usage x509.ExtKeyUsage, purpose string, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("it expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("it is not valid before %s; is this host's clock right?", cert.NotBefore.UTC().Format(time.RFC3339))
	case len(cert.ExtKeyUsage) > 0 && !slices.Contains(cert.ExtKeyUsage, usage) && !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny):
		return fmt.Errorf("it is not for %s", purpose)
	}
	return nil
}
