package ca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func certificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	der, err := read(path, "CERTIFICATE")
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAuthorityIssuesForServersAndClients(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	path, err := Init(dir, "Test")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate(t, path))
	for _, test := range []struct {
		name  string
		hosts []string
		usage x509.ExtKeyUsage
	}{
		{"server", []string{"vm1.example.org", "192.0.2.1", "::1"}, x509.ExtKeyUsageServerAuth},
		{"alice", nil, x509.ExtKeyUsageClientAuth},
	} {
		path, err := Issue(dir, Request{Name: test.name, Hosts: test.hosts})
		if err != nil {
			t.Fatal(err)
		}
		c := certificate(t, path)
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{test.usage}}); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		// For one thing each.
		other := x509.ExtKeyUsageServerAuth + x509.ExtKeyUsageClientAuth - test.usage
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{other}}); err == nil {
			t.Errorf("%s is also for the other end", test.name)
		}
		for _, host := range test.hosts {
			if err := c.VerifyHostname(host); err != nil {
				t.Error(err)
			}
		}
		if c.IsCA || c.Subject.CommonName != test.name || time.Until(c.NotAfter) < 365*24*time.Hour {
			t.Errorf("%s: %v %v", test.name, c.Subject, c.NotAfter)
		}
		if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("%s: a key of %T", test.name, c.PublicKey)
		}
		if _, err := tls.LoadX509KeyPair(path, strings.TrimSuffix(path, certSuffix)+keySuffix); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 6 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	path, err := Init(dir, "Test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Issue(dir, Request{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []func() (string, error){
		func() (string, error) { return Init(dir, "Other") },
		func() (string, error) { return Issue(dir, Request{Name: "a"}) },
	} {
		if _, err := again(); err == nil || !strings.Contains(err.Error(), "nothing is overwritten") {
			t.Errorf("%v", err)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("the authority's certificate has changed")
	}
	// A certificate that is in the way leaves no key behind.
	if err := os.WriteFile(filepath.Join(dir, "b"+certSuffix), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Issue(dir, Request{Name: "b"}); err == nil {
		t.Error("a file was overwritten")
	}
	if _, err := os.Stat(filepath.Join(dir, "b"+keySuffix)); err == nil {
		t.Error("a key without a certificate is left")
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Issue(dir, Request{Name: "a"}); err == nil || !strings.Contains(err.Error(), "hull serve ca init") {
		t.Errorf("without an authority: %v", err)
	}
	if _, err := Init(dir, "Test"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "..", ".a", "a/b", "ca", "a b", strings.Repeat("x", 65), "ä"} {
		if path, err := Issue(dir, Request{Name: name}); err == nil {
			t.Errorf("%q became %s", name, path)
		}
	}
	for _, host := range []string{"", "a b", "http://a", "a:80"} {
		if _, err := Issue(dir, Request{Name: "h", Hosts: []string{host}}); err == nil {
			t.Errorf("host %q", host)
		}
	}
	// A key of another authority.
	other := t.TempDir()
	if _, err := Init(other, "Other"); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(other, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Issue(dir, Request{Name: "x"}); err == nil || !strings.Contains(err.Error(), "not the certificate's") {
		t.Errorf("%v", err)
	}
	for _, junk := range []string{"", "junk", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("junk")}))} {
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Issue(dir, Request{Name: "y"}); err == nil {
			t.Errorf("%q is an authority", junk)
		}
	}
}
