package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/release"
)

// serving is a run of hull serve.
type serving struct {
	done chan int
	log  *lockedBuffer
}

func serve(t *testing.T, home string, args ...string) *serving {
	t.Helper()
	s := &serving{done: make(chan int, 1), log: new(lockedBuffer)}
	a := &app{Stdout: s.log, Stderr: s.log, Getenv: func(name string) string {
		if name == "HULL_HOME" {
			return home
		}
		return ""
	}}
	go func() { s.done <- a.main(context.Background(), append([]string{"serve"}, args...)) }()
	return s
}

func (s *serving) wait(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.done:
		return code
	case <-time.After(time.Minute):
		t.Fatalf("hull serve does not end:\n%s", s.log)
		return 0
	}
}

func clientOf(socket string) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

// post sends JSON to a server that is there.
func post(t *testing.T, socket, path, body string) string {
	t.Helper()
	resp, err := clientOf(socket).Post("http://hull"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ask gets a path once a server is there.
func ask(t *testing.T, socket, path string) string {
	t.Helper()
	client := clientOf(socket)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		resp, err := client.Get("http://hull" + path)
		if err == nil {
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			return string(b)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hull") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestServeServesUntilASignal runs two servers on one state, as somebody may by
// mistake, and ends both by one signal.
func TestServeServesUntilASignal(t *testing.T) {
	home := shortFolder(t)
	notified, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(home, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notified.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(home, "notify"))

	usual, other := filepath.Join(home, "run", "hull.sock"), filepath.Join(home, "other.sock")
	first := serve(t, home)
	second := serve(t, home, "--socket", other)
	for _, socket := range []string{usual, other} {
		if got := ask(t, socket, "/v1/version"); !strings.Contains(got, `"version":"`+release.Version+`"`) {
			t.Errorf("%s: %s", socket, got)
		}
		if got := ask(t, socket, "/v1/instances?all=true"); got != "[]\n" {
			t.Errorf("%s: %s", socket, got)
		}
		if got := ask(t, socket, "/v1/instances/none"); !strings.Contains(got, `"kind":"not-found"`) {
			t.Errorf("%s: %s", socket, got)
		}
	}
	// What one creates, the other has.
	if got := post(t, usual, "/v1/instances", `{"machine_toml":"[boot]\nkernel = \"debian\"\n[init]\nexec = [\"/bin/sh\"]\n","name":"web"}`); !strings.Contains(got, `"name":"web"`) {
		t.Error(got)
	}
	if got := post(t, usual, "/v1/instances", `{"machine_toml":"[boot]\nkernel = \"debian\"\n[init]\nexec = [\"/bin/sh\"]\n","name":"web"}`); !strings.Contains(got, `"kind":"name-taken"`) {
		t.Error(got)
	}
	if got := post(t, other, "/v1/instances/web/rename", `{"name":"db"}`); got != "" {
		t.Error(got)
	}
	if got := ask(t, usual, "/v1/instances/db"); !strings.Contains(got, `"status":"created"`) {
		t.Error(got)
	}
	if got := ask(t, other, "/v1/events?follow=false"); strings.Count(got, "\nevent: ") != 2 {
		t.Error(got)
	}
	// A third has no place on the first's socket.
	third := serve(t, home)
	if code := third.wait(t); code != exitFailure || !strings.Contains(third.log.String(), "another server of hull listens on it") {
		t.Errorf("%d: %s", code, third.log)
	}
	message := func() string {
		_ = notified.SetReadDeadline(time.Now().Add(time.Minute))
		b := make([]byte, 100)
		n, err := notified.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	for range 2 {
		if got := message(); got != "READY=1" {
			t.Errorf("systemd was told %q", got)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*serving{first, second} {
		if code := s.wait(t); code != 0 {
			t.Errorf("%d: %s", code, s.log)
		}
	}
	if got := message(); got != "STOPPING=1" {
		t.Errorf("systemd was told %q", got)
	}
	if _, err := os.Lstat(usual); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestServeRefusesTCPWithoutCertificates(t *testing.T) {
	home := shortFolder(t)
	for _, args := range [][]string{
		{"--listen", "127.0.0.1:0"},
		{"--listen", "127.0.0.1:0", "--tls-cert", "a"},
		{"--tls-cert", "none.pem", "--tls-key", "none.key", "--tls-client-ca", "none.pem"},
		{"--socket", "/" + strings.Repeat("x", 200)},
		{"--group", "no-such-group-here"},
		{"what"},
	} {
		s := serve(t, home, args...)
		if code := s.wait(t); code != exitFailure {
			t.Errorf("%q: %d %s", args, code, s.log)
		}
		if _, err := os.Lstat(filepath.Join(home, "run", "hull.sock")); !os.IsNotExist(err) {
			t.Errorf("%q: the socket is left: %v", args, err)
		}
	}
}

func TestServeCAMakesWhatServeTakes(t *testing.T) {
	home := shortFolder(t)
	for _, args := range [][]string{{"ca", "init"}, {"ca", "issue", "server", "--host", "127.0.0.1"}, {"ca", "issue", "alice"}} {
		s := serve(t, home, args...)
		if code := s.wait(t); code != 0 || !strings.HasPrefix(s.log.String(), filepath.Join(home, "tls")) {
			t.Fatalf("%q: %d %s", args, code, s.log)
		}
	}
	if s := serve(t, home, "ca", "init"); s.wait(t) != exitFailure || !strings.Contains(s.log.String(), "nothing is overwritten") {
		t.Errorf("%s", s.log)
	}
	file := func(name string) string { return filepath.Join(home, "tls", name) }
	s := serve(t, home, "--listen", "127.0.0.1:0", "--tls-cert", file("server.pem"), "--tls-key", file("server.key"), "--tls-client-ca", file("ca.pem"))
	ask(t, filepath.Join(home, "run", "hull.sock"), "/healthz")
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.wait(t); code != 0 || !strings.Contains(s.log.String(), "network=tcp") {
		t.Errorf("%d: %s", code, s.log)
	}
}
