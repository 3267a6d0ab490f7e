package listener

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// errPlainTCP refuses to serve whoever comes.
var errPlainTCP = errors.New("TCP is served with certificates on both sides only: give --tls-cert, --tls-key and --tls-client-ca (hull serve ca makes them)")

// TLSFiles are paths of PEM files.
type TLSFiles struct {
	Cert, Key string // the server's
	ClientCA  string // whose certificates clients must have
}

// Config reads the files. It is nil where none is named. TLS 1.3 is spoken, with
// clients that have a certificate.
func (f TLSFiles) Config() (*tls.Config, error) {
	switch {
	case f == TLSFiles{}:
		return nil, nil
	case f.Cert == "" || f.Key == "" || f.ClientCA == "":
		return nil, errors.New("TLS: --tls-cert, --tls-key and --tls-client-ca belong together: one of them is missing")
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("TLS: certificate %q with key %q: %w", f.Cert, f.Key, err)
	}
	text, err := os.ReadFile(f.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("TLS: client CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("TLS: client CA %q: there is no certificate in it", f.ClientCA)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		NextProtos:   []string{"http/1.1"},
	}, nil
}

// TCP listens on an address with TLS.
func TCP(ctx context.Context, address string, config *tls.Config) (net.Listener, error) {
	if config == nil {
		return nil, fmt.Errorf("listen on %q: %w", address, errPlainTCP)
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, cause(err))
	}
	return tls.NewListener(l, config), nil
}
