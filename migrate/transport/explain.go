package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/hullvm/hull/migrate/wire"
)

// side is how the other end is called in errors, and this one.
type side struct{ other, own string }

var (
	asSource = side{other: "the target", own: "this host"}
	asTarget = side{other: "the source", own: "this host"}
	asPeer   = side{other: "the other side", own: "this host"}
)

// explain says in words of certificates and hosts why a connection was not made. What it
// does not know stays as it is.
func (s side) explain(err error) error {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &verify):
		return fmt.Errorf("%s's certificate is not accepted: %w", s.other, certificate(verify))
	case errors.As(err, &record):
		return fmt.Errorf("%s does not speak TLS: %w", s.other, err)
	case errors.As(err, &op) && op.Op == "remote error":
		return s.alert(op.Err.Error(), err)
	case strings.Contains(err.Error(), "tls: client didn't provide a certificate"):
		return fmt.Errorf("%s has shown no certificate: %w", s.other, err)
	case strings.Contains(err.Error(), "tls: client offered only unsupported versions"):
		return fmt.Errorf("%s does not speak TLS 1.3: %w", s.other, err)
	case errors.Is(err, wire.ErrPreamble) && strings.HasSuffix(err.Error(), "TLS"):
		return fmt.Errorf("%s speaks TLS, and %s does not: %w", s.other, s.own, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%s closed the connection: %w", s.other, err)
	}
	return err
}

// alerts are what the other side says of our certificate (RFC 8446 section 6.2), by the
// names that crypto/tls has for it.
var alerts = []struct{ name, means string }{
	{"unknown certificate authority", "it is not of the authority that is known there"},
	{"expired certificate", "it has expired, or one of the two clocks is wrong"},
	{"certificate required", "none was shown"},
	{"unsupported certificate", "it is not for this purpose"},
	{"revoked certificate", "it was revoked"},
	{"bad certificate", "it is not valid there"},
	{"unknown certificate", "it is not valid there"},
	{"access denied", "it is not allowed there"},
}

func (s side) alert(text string, err error) error {
	for _, a := range alerts {
		if strings.HasSuffix(text, a.name) {
			return fmt.Errorf("%s does not accept this host's certificate: %s: %w", s.other, a.means, err)
		}
	}
	return fmt.Errorf("%s ended the handshake: %w", s.other, err)
}

// certificate is what is wrong with one of the other side.
func certificate(v *tls.CertificateVerificationError) error {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	err := v.Err
	switch {
	case errors.As(err, &host) && host.Certificate != nil:
		return fmt.Errorf("it is for %s, and not for %q: %w", names(host.Certificate), host.Host, err)
	case errors.As(err, &authority):
		return fmt.Errorf("it is not of the authority that is known here: %w", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if now := time.Now(); now.Before(invalid.Cert.NotBefore) {
			return fmt.Errorf("it is not valid before %s; are both clocks right? %w", invalid.Cert.NotBefore.UTC().Format(time.RFC3339), err)
		}
		return fmt.Errorf("it expired at %s: %w", invalid.Cert.NotAfter.UTC().Format(time.RFC3339), err)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Errorf("it is not for this purpose: %w", err)
	}
	return err
}

// names are the hosts that a certificate is for.
func names(c *x509.Certificate) string {
	var all []string
	for _, name := range c.DNSNames {
		all = append(all, fmt.Sprintf("%.100q", name))
	}
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	const most = 8
	switch {
	case len(all) == 0:
		return "no host"
	case len(all) > most:
		return strings.Join(all[:most], ", ") + " and others"
	}
	return strings.Join(all, ", ")
}
