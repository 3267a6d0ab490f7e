package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/manager/httpapi/ca"
	"github.com/hullvm/hull/migrate/wire"
)

var session = wire.Session{1, 2, 3}

// never is a time that no test reaches.
const never = 10 * time.Minute

// soon bounds waits that end by themselves. Only a failing test waits that long.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// authorityAt makes an authority with a certificate for both hosts.
func authorityAt(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	if _, err := ca.Init(folder, "hosts"); err != nil {
		t.Fatal(err)
	}
	for _, q := range []ca.Request{{Name: "source"}, {Name: "target", Hosts: []string{"127.0.0.1", "target.example"}}} {
		if _, err := ca.Issue(folder, q); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func filesOf(folder, name string) Files {
	return Files{CA: filepath.Join(folder, "ca.pem"), Cert: filepath.Join(folder, name+".pem"), Key: filepath.Join(folder, name+".key")}
}

func mustClient(t testing.TB, f Files, name string) *tls.Config {
	t.Helper()
	c, err := Client(f, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustServer(t testing.TB, f Files) *tls.Config {
	t.Helper()
	c, err := Server(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issue makes a certificate that the authority's tool would not make, and files for it.
func issue(t testing.TB, folder, name string, change func(*x509.Certificate)) (Files, tls.Certificate) {
	t.Helper()
	authority, err := tls.LoadX509KeyPair(filepath.Join(folder, "ca.pem"), filepath.Join(folder, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, &key.PublicKey, authority.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := filesOf(folder, name)
	for path, block := range map[string]*pem.Block{f.Cert: {Type: "CERTIFICATE", Bytes: der}, f.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// drops are the errors of connections that a listener gave up.
type drops struct {
	mu   sync.Mutex
	errs []error
}

func (d *drops) add(_ net.Addr, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.errs = append(d.errs, err)
}

// wait is the errors once there are n.
func (d *drops) wait(t testing.TB, n int) []error {
	t.Helper()
	var errs []error
	devicestest.Eventually(t, "a dropped connection", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		errs = append(errs[:0], d.errs...)
		return len(errs) >= n
	})
	if len(errs) != n {
		t.Fatalf("%d connections were dropped, want %d: %v", len(errs), n, errs)
	}
	return errs
}

// listenOn listens on loopback, with patience.
func listenOn(t testing.TB, config *tls.Config, o Options) (*Listener, *drops) {
	t.Helper()
	d := &drops{}
	o.Dropped = d.add
	if o.Greeting == 0 {
		o.Greeting = never
	}
	if o.Lost == 0 {
		o.Lost = never
	}
	l, err := Listen(soon(t), Address{Host: "127.0.0.1"}, config, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, d
}

// open dials and sends a first frame.
func open(t testing.TB, l *Listener, config *tls.Config, first wire.Message) *Conn {
	t.Helper()
	c, err := Dial(soon(t), l.Address(), config, Options{Greeting: never, Lost: never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Wire.WriteMessage(first); err != nil {
		t.Fatal(err)
	}
	return c
}

// accept is the next opening.
func accept(t testing.TB, l *Listener) *Opening {
	t.Helper()
	o, err := l.Accept(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// connected is both ends of a connection that is past its first frame.
func connected(t testing.TB, config, server *tls.Config) (source, target *Conn) {
	t.Helper()
	l, _ := listenOn(t, server, Options{})
	source = open(t, l, config, wire.Ask{Session: session})
	return source, accept(t, l).Conn
}
