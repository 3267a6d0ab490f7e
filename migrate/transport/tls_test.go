package transport

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/migrate/wire"
)

func TestBothSidesAreVerified(t *testing.T) {
	devicestest.CheckGoroutines(t)
	folder := authorityAt(t)
	source, target := connected(t, mustClient(t, filesOf(folder, "source"), "127.0.0.1"), mustServer(t, filesOf(folder, "target")))
	for who, c := range map[string]*Conn{"target": source, "source": target} {
		state := c.Stream.(*tls.Conn).ConnectionState()
		if state.Version != tls.VersionTLS13 || len(state.VerifiedChains) == 0 || state.PeerCertificates[0].Subject.CommonName != who {
			t.Errorf("the %s is not known: %+v", who, state)
		}
	}
}

// with shows another certificate than the configuration's.
func with(c *tls.Config, pair tls.Certificate) *tls.Config {
	c = c.Clone()
	c.Certificates = []tls.Certificate{pair}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return c
}

// Each mistake is told to both sides in words.
func TestMistakesWithCertificates(t *testing.T) {
	devicestest.CheckGoroutines(t)
	folder, foreign := authorityAt(t), authorityAt(t)
	client, server := mustClient(t, filesOf(folder, "source"), "127.0.0.1"), mustServer(t, filesOf(folder, "target"))
	_, expired := issue(t, folder, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	_, early := issue(t, folder, "new", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	_, serverOnly := issue(t, folder, "server", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] })
	foreignClient, foreignServer := mustClient(t, filesOf(foreign, "source"), "127.0.0.1"), mustServer(t, filesOf(foreign, "target"))
	old := client.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12

	for name, c := range map[string]struct {
		client, server     *tls.Config
		atSource, atTarget string
	}{
		"source's authority is foreign":    {with(client, foreignClient.Certificates[0]), server, "the target does not accept this host's certificate: it is not of the authority", "the source's certificate is not accepted: it is not of the authority"},
		"target's authority is foreign":    {client, with(server, foreignServer.Certificates[0]), "the target's certificate is not accepted: it is not of the authority", "the source does not accept this host's certificate"},
		"source's has expired":             {with(client, expired), server, "the target does not accept this host's certificate: it has expired", "the source's certificate is not accepted: it expired at"},
		"target's has expired":             {client, with(server, expired), "the target's certificate is not accepted: it expired at", "the source does not accept this host's certificate"},
		"source's is not yet valid":        {with(client, early), server, "the target does not accept this host's certificate: it has expired, or one of the two clocks is wrong", "the source's certificate is not accepted: it is not valid before"},
		"target's is not yet valid":        {client, with(server, early), "the target's certificate is not accepted: it is not valid before", "the source does not accept"},
		"source shows a server's":          {with(client, serverOnly), server, "the target does not accept this host's certificate", "it is not for this purpose"},
		"source shows none":                {with(client, tls.Certificate{}), server, "the target does not accept this host's certificate: none was shown", "the source has shown no certificate"},
		"target is another":                {mustClient(t, filesOf(folder, "source"), "elsewhere.example"), server, `it is for "target.example", 127.0.0.1, and not for "elsewhere.example"`, "the source does not accept this host's certificate"},
		"target is plain":                  {client, nil, "the target does not speak TLS", "the source speaks TLS, and this host does not"},
		"source is plain":                  {nil, server, "the target", "the source does not speak TLS"},
		"source speaks an old TLS version": {old, server, "the target ended the handshake", "the source does not speak TLS 1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			l, dropped := listenOn(t, c.server, Options{})
			conn, err := Dial(soon(t), l.Address(), c.client, Options{Greeting: never, Lost: never})
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), c.atSource) || !strings.Contains(err.Error(), l.Address().String()) {
				t.Errorf("at the source: %v", err)
			}
			if err := dropped.wait(t, 1)[0]; !strings.Contains(err.Error(), c.atTarget) {
				t.Errorf("at the target: %v", err)
			}
			// The next that comes is served.
			if c.server == server {
				open(t, l, client, wire.Ask{Session: session})
				accept(t, l)
			}
		})
	}
}

func TestMistakesWithFiles(t *testing.T) {
	folder := authorityAt(t)
	good := filesOf(folder, "source")
	junk := filepath.Join(folder, "junk")
	if err := os.WriteFile(junk, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	expired, _ := issue(t, folder, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	early, _ := issue(t, folder, "new", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	for name, c := range map[string]struct {
		files Files
		says  []string
	}{
		"nothing":              {Files{}, []string{"is missing"}},
		"no key":               {Files{CA: good.CA, Cert: good.Cert}, []string{"the certificate's key is missing"}},
		"no authority":         {Files{Cert: good.Cert, Key: good.Key}, []string{"an authority's certificate is missing"}},
		"no such certificate":  {Files{good.CA, folder + "/none.pem", good.Key}, []string{"none.pem", "no such file"}},
		"no such key":          {Files{good.CA, good.Cert, folder + "/none.key"}, []string{"key", "none.key", "no such file"}},
		"no such authority":    {Files{folder + "/none.pem", good.Cert, good.Key}, []string{"authority", "none.pem", "no such file"}},
		"no certificate in it": {Files{good.CA, junk, good.Key}, []string{"junk"}},
		"no key in it":         {Files{good.CA, good.Cert, junk}, []string{"junk"}},
		"no authority in it":   {Files{junk, good.Cert, good.Key}, []string{"junk", "no certificate in it"}},
		"a file without end":   {Files{good.CA, large, good.Key}, []string{"large", "more than"}},
		"another's key":        {Files{good.CA, good.Cert, filesOf(folder, "target").Key}, []string{"source.pem", "target.key"}},
		"expired":              {expired, []string{"old.pem", "expired at"}},
		"not yet valid":        {early, []string{"new.pem", "not valid before"}},
		"a server's only":      {filesOf(folder, "target"), []string{"target.pem", "not for connecting to others"}},
	} {
		_, err := Client(c.files, "host")
		for _, says := range c.says {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v; want %q", name, err, says)
			}
		}
	}
	if _, err := Client(good, ""); err == nil {
		t.Error("a client that checks no name")
	}
	if _, err := Server(good); err == nil || !strings.Contains(err.Error(), "source.pem") {
		t.Errorf("a server with a client's certificate: %v", err)
	}
	if (Files{}).Named() || !good.Named() {
		t.Error("Named is wrong")
	}
}

// A target that accepts and says nothing is given up, and the wait can be ended.
func TestDialGivesUp(t *testing.T) {
	devicestest.CheckGoroutines(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := ParseAddress(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(soon(t), a, nil, Options{Greeting: time.Millisecond}); err == nil || !strings.Contains(err.Error(), "did not answer within 1ms") {
		t.Errorf("silence: %v", err)
	}
	folder := authorityAt(t)
	if _, err := Dial(soon(t), a, mustClient(t, filesOf(folder, "source"), "127.0.0.1"), Options{Greeting: time.Millisecond}); err == nil || !strings.Contains(err.Error(), "did not answer within 1ms") {
		t.Errorf("silence, with TLS: %v", err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed below
			}
			c.Close()
		}
	}()
	if _, err := Dial(soon(t), a, nil, Options{Greeting: never}); err == nil || !strings.Contains(err.Error(), "the target closed the connection") {
		t.Errorf("closed: %v", err)
	}
	l.Close()
	<-closed
	for _, a := range []Address{{Port: 1}, {Host: "127.0.0.1"}} {
		if _, err := Dial(soon(t), a, nil, Options{}); err == nil {
			t.Errorf("connected to %v", a)
		}
	}
	if _, err := Dial(soon(t), Address{Path: filepath.Join(t.TempDir(), "none")}, nil, Options{}); err == nil {
		t.Error("connected to nothing")
	}
}
