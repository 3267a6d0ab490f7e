package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/manager/httpapi/ca"
	"github.com/hullvm/hull/manager/httpapi/listener"
)

// authority makes an authority with a server's certificate and a client's.
func authority(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	_, err := ca.Init(dir, "Test")
	if err == nil {
		_, err = ca.Issue(dir, ca.Request{Name: "server", Hosts: []string{"127.0.0.1"}})
	}
	if err == nil {
		_, err = ca.Issue(dir, ca.Request{Name: "alice"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// startTLS serves TLS on the loopback.
func startTLS(t *testing.T, e *fakeEngine, dir string) (address string) {
	t.Helper()
	checkLeaks(t)
	config, err := listener.TLSFiles{
		Cert: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key"), ClientCA: filepath.Join(dir, "ca.pem"),
	}.Config()
	if err != nil {
		t.Fatal(err)
	}
	l, err := listener.TCP(t.Context(), "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(e, Options{}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// clientConfig trusts an authority, and has a certificate of it or of another.
func clientConfig(t *testing.T, dir, certs, name string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(text)
	if name != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(certs, name+".pem"), filepath.Join(certs, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		// Sent whatever authorities the server asks for.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config
}

func TestTLSIsForThoseWithACertificate(t *testing.T) {
	dir, stranger := authority(t), authority(t)
	e := &fakeEngine{}
	address := startTLS(t, e, dir)
	get := func(config *tls.Config) (int, error) {
		transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
		resp, err := client.Get("https://" + address + "/v1/instances/web")
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode, err
	}
	if status, err := get(clientConfig(t, dir, dir, "alice")); status != 200 || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	e.take()
	old := clientConfig(t, dir, dir, "alice")
	old.MaxVersion = tls.VersionTLS12
	for name, config := range map[string]*tls.Config{
		"no certificate":           clientConfig(t, dir, "", ""),
		"one of another authority": clientConfig(t, dir, stranger, "alice"),
		"a server's":               clientConfig(t, dir, dir, "server"),
		"TLS 1.2":                  old,
	} {
		if status, err := get(config); err == nil {
			t.Errorf("%s: %d", name, status)
		}
	}
	// Not TLS at all.
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /v1/instances HTTP/1.1\r\nHost: hull\r\n\r\n")
	if said := ends(t, c); !strings.Contains(said, "400") {
		t.Errorf("%q", said)
	}
	if got := e.take(); got != "" {
		t.Errorf("the engine was asked: %s", got)
	}
}

func TestStreamsGoOverTLS(t *testing.T) {
	dir := authority(t)
	e := &fakeEngine{}
	address := startTLS(t, e, dir)
	guest, _ := console(e)
	conn, err := tls.Dial("tcp", address, clientConfig(t, dir, dir, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	u := upgrade(t, conn, "/v1/instances/web/attach", `{"input":true}`)
	printed := noise(100_000)
	go func() {
		if _, err := guest.Write(printed); err != nil {
			t.Error(err)
		}
		guest.Close()
	}()
	if stdout, _, last := u.rest(); string(stdout) != string(printed) || last != "{}" {
		t.Errorf("%d bytes, %s", len(stdout), last)
	}
}

// dialVariable has this binary ask the server on a socket, and print the answer.
const dialVariable = "HULL_TEST_ASK"

func TestMain(m *testing.M) {
	path := os.Getenv(dialVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	_, _ = io.WriteString(c, "GET /v1/instances HTTP/1.1\r\nHost: hull\r\nConnection: close\r\n\r\n")
	_, _ = io.Copy(os.Stdout, c)
}

func TestOtherUsersAreForbidden(t *testing.T) {
	if os.Geteuid() != 0 {
		guesttest.Missing(t, "root, to connect as other users")
	}
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	folder := filepath.Dir(s.socket)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, "self")
	// As if the modes let everybody connect.
	for _, err := range []error{os.WriteFile(copied, b, 0o755), os.Chmod(folder, 0o755), os.Chmod(s.socket, 0o666)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for uid, want := range map[uint32]string{0: "200 OK", 4321: "403 Forbidden"} {
		cmd := exec.Command(copied)
		cmd.Env = []string{dialVariable + "=" + s.socket}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "HTTP/1.1 "+want) {
			t.Errorf("user %d: %s, %v", uid, out, err)
		}
		if uid != 0 && !strings.Contains(string(out), "user 4321 may not use this server") {
			t.Errorf("%s", out)
		}
	}
	if got := e.take(); strings.Count(got, "list") != 1 {
		t.Errorf("asked %s", got)
	}
}
