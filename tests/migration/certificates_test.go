package migration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificates are a folder with those of both sides, and with others.
type certificates string

// flags are the options of a side that shows the certificate of a name.
func (c certificates) flags(name string) []string {
	authority := "ca"
	if name == "stranger" {
		authority = "strangers"
	}
	return []string{
		"--tls-ca", filepath.Join(string(c), authority+".pem"),
		"--tls-cert", filepath.Join(string(c), name+".pem"), "--tls-key", filepath.Join(string(c), name+".key"),
	}
}

// makeCertificates makes two authorities, and certificates for the addresses of sides.
func makeCertificates(t *testing.T) certificates {
	t.Helper()
	c := certificates(t.TempDir())
	ours, ourKey := c.authority(t, "ca")
	theirs, theirKey := c.authority(t, "strangers")
	addresses := []net.IP{net.ParseIP("10.72.0.1"), net.ParseIP("10.72.0.2"), net.ParseIP("127.0.0.1")}
	day := 24 * time.Hour
	for _, one := range []struct {
		name      string
		authority *x509.Certificate
		key       *ecdsa.PrivateKey
		from, to  time.Duration
		addresses []net.IP
	}{
		{"source", ours, ourKey, -day, day, addresses},
		{"target", ours, ourKey, -day, day, addresses},
		{"stranger", theirs, theirKey, -day, day, addresses},
		{"expired", ours, ourKey, -2 * day, -day, addresses},
		{"elsewhere", ours, ourKey, -day, day, []net.IP{net.ParseIP("192.0.2.1")}},
	} {
		key := newKey(t)
		now := time.Now()
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: serial(t), Subject: pkix.Name{CommonName: one.name},
			NotBefore: now.Add(one.from), NotAfter: now.Add(one.to), IPAddresses: one.addresses,
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, one.authority, &key.PublicKey, one.key)
		if err != nil {
			t.Fatal(err)
		}
		c.write(t, one.name+".pem", "CERTIFICATE", der)
		c.writeKey(t, one.name+".key", key)
	}
	return c
}

func (c certificates) authority(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, authorityTemplate(t, name), authorityTemplate(t, name), &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, name+".pem", "CERTIFICATE", der)
	return made, key
}

func authorityTemplate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	return &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-72 * time.Hour), NotAfter: time.Now().Add(72 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t *testing.T) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (c certificates) writeKey(t *testing.T, name string, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, name, "PRIVATE KEY", der)
}

func (c certificates) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(string(c), name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}
