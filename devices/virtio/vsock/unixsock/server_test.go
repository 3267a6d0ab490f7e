package unixsock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/vsock"
)

// echo is a guest that listens at every port but 7, and repeats what it reads.
type echo struct{ waits chan struct{} }

func (e *echo) Join(ctx context.Context, port uint32, socket vsock.Socket, greet func(uint32) string) error {
	c := socket.(*net.UnixConn)
	switch port {
	case 7:
		_ = c.Close()
		return errors.New("refused")
	case 8:
		defer c.Close()
		e.waits <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	if _, err := io.WriteString(c, greet(1<<30+port)); err != nil {
		return err
	}
	go func() {
		defer c.Close()
		_ = c.SetReadDeadline(time.Time{})
		_, _ = io.Copy(c, c)
	}()
	return nil
}

func serve(t *testing.T) (path string, e *echo, s *Server) {
	t.Helper()
	checkLeaks(t)
	path = filepath.Join(t.TempDir(), "vsock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	e = &echo{waits: make(chan struct{}, 1)}
	s = NewServer(l, e)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return path, e, s
}

func dial(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.UnixConn)
}

func TestAClientGetsItsStream(t *testing.T) {
	path, _, _ := serve(t)
	for _, request := range []string{"CONNECT 52\n", "connect 52\n", "Connect 52\r\n"} {
		c := dial(t, path)
		// What follows the request at once is the stream already.
		if _, err := io.WriteString(c, request+"hello"); err != nil {
			t.Fatal(err)
		}
		_ = c.CloseWrite()
		got, err := io.ReadAll(c)
		if want := fmt.Sprintf("OK %d\nhello", 1<<30+52); err != nil || string(got) != want {
			t.Errorf("request %q: read %q, %v, want %q", request, got, err, want)
		}
	}
}

func TestAClientThatAsksForNothingIsClosed(t *testing.T) {
	path, _, _ := serve(t)
	for _, request := range []string{
		"CONNECT 7\n", // where nobody listens
		"CONNECT\n", "CONNECT \n", "CONNECT -1\n", "CONNECT 4294967296\n", "CONNECT 1 2\n", "LISTEN 1\n", "\n",
		strings.Repeat("x", 1000), "CONN",
	} {
		c := dial(t, path)
		_, _ = io.WriteString(c, request)
		_ = c.CloseWrite()
		// Closed with something unread, it is an error.
		if got, err := io.ReadAll(c); len(got) > 0 {
			t.Errorf("request %q: read %q, %v", request, got, err)
		}
	}
}

func TestClosingEndsClientsWithoutAStream(t *testing.T) {
	path, e, s := serve(t)
	silent, waiting, joined := dial(t, path), dial(t, path), dial(t, path)
	if _, err := io.WriteString(waiting, "CONNECT 8\n"); err != nil {
		t.Fatal(err)
	}
	<-e.waits
	if _, err := io.WriteString(joined, "CONNECT 9\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(joined)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{silent, waiting} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a client without a stream is still served")
		}
	}
	if _, err := io.WriteString(joined, "on\n"); err != nil {
		t.Error(err)
	}
	if line, err := r.ReadString('\n'); line != "on\n" {
		t.Errorf("stream gave %q, %v", line, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket is still there: %v", err)
	}
}

func TestMoreClientsThanPendingOnesWait(t *testing.T) {
	path, _, s := serve(t)
	var clients []*net.UnixConn
	for range pendingLimit + 20 {
		clients = append(clients, dial(t, path))
	}
	devicestest.Eventually(t, "the limit to be reached", func() bool { return len(s.pending) == pendingLimit })
	for _, c := range clients {
		if _, err := io.WriteString(c, "CONNECT 1\n"); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range clients {
		if line, err := bufio.NewReader(c).ReadString('\n'); !strings.HasPrefix(line, "OK ") {
			t.Fatalf("client %d: %q, %v", i, line, err)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, line := range []string{"CONNECT 52", "connect 4294967295", "CONNECT", "CONNECT +1", "CONNECT 0x10", "CONNECT 1 2", ""} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		port, err := parseRequest(line)
		if err != nil {
			return
		}
		again, err := parseRequest(fmt.Sprintf("CONNECT %d", port))
		if err != nil || again != port {
			t.Errorf("port %d of %q reads as %d, %v", port, line, again, err)
		}
	})
}
