package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/httpapi/listener"
)

// testServer is a server on a real unix socket.
type testServer struct {
	*Server
	engine *fakeEngine
	socket string
	client *http.Client
	stop   func() // and wait for its end
}

// startServer starts a server, which ends with the test and leaves neither a
// goroutine nor a descriptor.
func startServer(t *testing.T, e *fakeEngine, o Options) *testServer {
	t.Helper()
	checkLeaks(t)
	folder, err := os.MkdirTemp("", "hull") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	socket := filepath.Join(folder, "hull.sock")
	l, err := listener.Unix(t.Context(), listener.UnixOptions{Path: socket})
	if err != nil {
		t.Fatal(err)
	}
	if o.Version == "" {
		o.Version = "1.2.3"
	}
	s := New(e, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("the server does not end")
		}
		transport.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return &testServer{Server: s, engine: e, socket: socket, client: &http.Client{Transport: transport, Timeout: time.Minute}, stop: stop}
}

// do sends a request and reads the whole answer.
func (s *testServer) do(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	resp := s.send(t, t.Context(), method, path, strings.NewReader(body), headers...)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, string(b)
}

func (s *testServer) send(t *testing.T, ctx context.Context, method, path string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	if r, ok := body.(*strings.Reader); ok && r.Len() == 0 {
		body = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://hull"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", mediaJSON)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

func (s *testServer) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

// failureIn is the error of an answer.
func failureIn(t *testing.T, body string) Failure {
	t.Helper()
	var a ErrorAnswer
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil || a.Instances != nil || a.Error.Kind == "" || a.Error.Message == "" {
		t.Fatalf("%q is no error: %v", body, err)
	}
	return a.Error
}

// checkLeaks compares goroutines and descriptors of before and after a test.
func checkLeaks(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	t.Cleanup(func() {
		deadline := time.Now().Add(10 * time.Second)
		for {
			g, f := runtime.NumGoroutine(), descriptors(t)
			if g <= goroutines && f <= files {
				return
			}
			if time.Now().After(deadline) {
				var stacks bytes.Buffer
				buffer := make([]byte, 1<<20)
				stacks.Write(buffer[:runtime.Stack(buffer, true)])
				t.Errorf("%d goroutines, %d before; %d descriptors, %d before\n%s", g, goroutines, f, files, stacks.String())
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}
