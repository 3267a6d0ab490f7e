package unixsock

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answering listens at a socket, and says what it is told to whoever asks.
func answering(t *testing.T, answer string, asked chan<- string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		line, _ := bufio.NewReader(c).ReadString('\n')
		asked <- line
		_, _ = io.WriteString(c, answer)
		if answer != "" {
			c.Close()
			return
		}
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	}()
	return path
}

func TestConnectLeavesTheStreamWhole(t *testing.T) {
	asked := make(chan string, 1)
	c, err := Connect(t.Context(), answering(t, "OK 1073741824\nhello", asked), 1024)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := <-asked; got != "CONNECT 1024\n" {
		t.Errorf("asked %q", got)
	}
	if rest, err := io.ReadAll(c); err != nil || string(rest) != "hello" {
		t.Errorf("behind the answer: %q, %v", rest, err)
	}
}

func TestConnectRefused(t *testing.T) {
	asked := make(chan string, 4)
	for name, answer := range map[string]string{"words": "NO\n", "no end": strings.Repeat("O", 200), "cut off": "OK 1"} {
		if _, err := Connect(t.Context(), answering(t, answer, asked), 1); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
	if _, err := Connect(t.Context(), "/no/such/socket", 1); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("no socket: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Connect(ctx, answering(t, "", asked), 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
}
