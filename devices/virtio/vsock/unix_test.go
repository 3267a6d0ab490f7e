package vsock_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hullvm/hull/devices/virtio/vsock"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
)

// serveUnix puts a guest behind unix sockets, and returns PATH.
func serveUnix(t *testing.T) (string, *vsock.Guest) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vsock")
	dialer, err := unixsock.NewDialer(path)
	if err != nil {
		t.Fatal(err)
	}
	g := vsock.NewGuest(t, dialer)
	l, err := unixsock.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := unixsock.NewServer(l, g.Device())
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return path, g
}

func TestClientsOnTheHostTalkToAGuest(t *testing.T) {
	path, g := serveUnix(t)
	const clients = 50
	g.Echo(52)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			text := bytes.Repeat([]byte{byte(i)}, 100_000+i)
			got, err := talk(path, text)
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("client %d: %d bytes came back, %v, want %d", i, len(got), err, len(text))
			}
		})
	}
	all.Wait()
}

// talk has port 52 of the guest repeat text.
func talk(path string, text []byte) ([]byte, error) {
	dialed, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	c := dialed.(*net.UnixConn)
	defer c.Close()
	go func() {
		// The text follows at once; it must not get lost.
		_, _ = fmt.Fprintf(c, "CONNECT 52\n%s", text)
		_ = c.CloseWrite()
	}()
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "OK ") {
		return nil, fmt.Errorf("answer is %q: %w", line, err)
	}
	return io.ReadAll(r)
}

func TestAGuestTalksToListenersOnTheHost(t *testing.T) {
	path, g := serveUnix(t)
	l, err := unixsock.Listen(path + "_99")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			text := bytes.Repeat([]byte{byte(i)}, 100_000+i)
			if got, err := g.Talk(99, text); err != nil || !bytes.Equal(got, text) {
				t.Errorf("connection %d: %d bytes came back, %v, want %d", i, len(got), err, len(text))
			}
		})
	}
	all.Wait()
	if _, err := g.Talk(98, nil); err != syscall.ECONNREFUSED {
		t.Errorf("where nobody listens: %v", err)
	}
}

// A client that has left before the guest answers is no connection.
func TestAClientThatLeavesEarlyIsForgotten(t *testing.T) {
	path, g := serveUnix(t)
	g.Echo(52)
	for range 20 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "CONNECT 52\n")
		_ = c.Close()
	}
	if got, err := talk(path, []byte("hello")); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
}
