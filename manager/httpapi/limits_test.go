package httpapi

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ends waits for the server to close a connection, and returns what it said.
func ends(t *testing.T, c net.Conn) string {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil && strings.Contains(err.Error(), "timeout") {
		t.Fatalf("the connection is still there: %v", err)
	}
	return string(b)
}

func TestSlowClientsAreLetGo(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{HeaderTime: 50 * time.Millisecond, BodyTime: 50 * time.Millisecond, IdleTime: 50 * time.Millisecond})
	for name, sent := range map[string]string{
		"nothing":                          "",
		"half a header":                    "GET / HTTP/1.1\r\nHost:",
		"half a body":                      "POST /v1/instances/web/rename HTTP/1.1\r\nHost: hull\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"half of a body that nobody reads": "POST /nothing HTTP/1.1\r\nHost: hull\r\nContent-Length: 100\r\n\r\n{",
		"half of one where none belongs":   "POST /v1/instances/web/start HTTP/1.1\r\nHost: hull\r\nTransfer-Encoding: chunked\r\n\r\n",
		"half of one of no type":           "POST /v1/instances/web/rename HTTP/1.1\r\nHost: hull\r\nContent-Length: 100\r\n\r\n",
		"idle":                             "GET /healthz HTTP/1.1\r\nHost: hull\r\n\r\n",
	} {
		c := s.dial(t)
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		said := ends(t, c)
		if name == "half a body" && !strings.Contains(said, "408") || name == "idle" && !strings.Contains(said, `{"status":"ok"}`) {
			t.Errorf("%s: %q", name, said)
		}
	}
	if got := e.take(); got != "" {
		t.Errorf("the engine was asked: %s", got)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	s := startServer(t, &fakeEngine{}, Options{})
	c := s.dial(t)
	go fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: hull\r\nX: %s\r\n\r\n", strings.Repeat("x", 2*maxHeader))
	if said := ends(t, c); !strings.Contains(said, "431") {
		t.Errorf("%q", said)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := startServer(t, &fakeEngine{}, Options{MaxConns: 2})
	ask := func(c net.Conn) error {
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: hull\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	first, second := s.dial(t), s.dial(t)
	for _, c := range []net.Conn{first, second} {
		if err := ask(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(s.dial(t)); err == nil {
		t.Error("a third connection is served")
	}
	first.Close()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if ask(s.dial(t)) == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection that ended is still counted")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestRequestsComeToTheirEnd stops a server while it answers.
func TestRequestsComeToTheirEnd(t *testing.T) {
	e := &fakeEngine{pausing: make(chan struct{}), entered: make(chan struct{})}
	s := startServer(t, e, Options{})
	answered := make(chan int, 1)
	go func() {
		resp, _ := s.do(t, "POST", "/v1/instances/web/pause", "")
		answered <- resp.StatusCode
	}()
	<-e.entered
	stopped := make(chan struct{})
	go func() {
		s.stop()
		close(stopped)
	}()
	<-s.ending.Done()
	select {
	case status := <-answered:
		t.Errorf("answered before its time: %d", status)
	case <-stopped:
		t.Error("the server has ended before its request")
	default:
	}
	close(e.pausing)
	if status := <-answered; status != 204 {
		t.Errorf("a request that had begun: %d", status)
	}
	<-stopped
	if _, err := net.Dial("unix", s.socket); err == nil {
		t.Error("the socket is still there")
	}
}

// TestRequestsAreCutOffInTheEnd stops a server while it answers for ever.
func TestRequestsAreCutOffInTheEnd(t *testing.T) {
	e := &fakeEngine{pausing: make(chan struct{}), entered: make(chan struct{})}
	s := startServer(t, e, Options{Grace: 20 * time.Millisecond})
	failed := make(chan error, 1)
	go func() {
		resp, err := s.client.Post("http://hull/v1/instances/web/pause", "", nil)
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	<-e.entered
	s.stop()
	if err := <-failed; err == nil {
		t.Error("a request that was cut off has an answer")
	}
}

// TestNobodyComesInUnjudged serves on a listener that knows nothing of its peers.
func TestNobodyComesInUnjudged(t *testing.T) {
	checkLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &fakeEngine{}
	s := New(e, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range []string{"/healthz", "/v1/instances", "/nothing"} {
		resp, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if f := failureIn(t, string(b)); resp.StatusCode != 403 || f.Kind != kindForbidden {
			t.Errorf("%s: %d %+v", path, resp.StatusCode, f)
		}
	}
	// A handshake that proved nothing is not enough.
	r := &http.Request{TLS: &tls.ConnectionState{HandshakeComplete: true}}
	if err := admitted(r.WithContext(ctx)); err == nil {
		t.Error("a client without a certificate is let in")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := e.take(); got != "" {
		t.Errorf("the engine was asked: %s", got)
	}
}

func TestAListenerThatFailsEndsTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := New(&fakeEngine{}, Options{}).Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v", err)
	}
}

// TestAReaderThatStallsIsLetGo asks for a log without an end, and takes nothing of
// it.
func TestAReaderThatStallsIsLetGo(t *testing.T) {
	e := &fakeEngine{endless: make(chan struct{})}
	s := startServer(t, e, Options{StallTime: 50 * time.Millisecond})
	c := s.dial(t)
	if _, err := io.WriteString(c, "GET /v1/instances/web/logs HTTP/1.1\r\nHost: hull\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.endless:
	case <-time.After(30 * time.Second):
		t.Error("it is still being read")
	}
}

// TestOptionsOfTheServerAreNoWayIn asks what a server is asked without a path.
func TestOptionsOfTheServerAreNoWayIn(t *testing.T) {
	s := startServer(t, &fakeEngine{}, Options{})
	c := s.dial(t)
	if _, err := io.WriteString(c, "OPTIONS * HTTP/1.1\r\nHost: hull\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if said := ends(t, c); !strings.HasPrefix(said, "HTTP/1.1 400") {
		t.Errorf("%q", said)
	}
}

func TestUpgradesThatFailAreAnswered(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	for _, test := range []struct {
		path, body, upgrade string
		status              int
	}{
		{"/v1/instances/none/exec", `{"command":["ls"]}`, upgradeName, 404},
		{"/v1/instances/none/attach", `{}`, upgradeName, 404},
		{"/v1/instances/web/exec", `{"command":["ls"]}`, upgradeName, 501},
		{"/v1/instances/web/attach", ``, "other, " + upgradeName, 501},
		{"/v1/instances/web/exec", `{"command":[]}`, upgradeName, 400},
		{"/v1/instances/web/exec", `{"command":[""]}`, upgradeName, 400},
		{"/v1/instances/web/exec", `{"command":null}`, upgradeName, 400},
		{"/v1/instances/web/exec", `{"command":["ls"],"rows":65536}`, upgradeName, 400},
		{"/v1/instances/web/exec", `{"command":["ls"]}`, "websocket", 426},
	} {
		resp, body := s.do(t, "POST", test.path, test.body, "Connection", "Upgrade", "Upgrade", test.upgrade)
		failureIn(t, body)
		if resp.StatusCode != test.status {
			t.Errorf("%s %s: %d %s", test.path, test.body, resp.StatusCode, body)
		}
	}
}
