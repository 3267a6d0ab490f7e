package monitor

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
)

// terminalPair is a terminal, and the end of who reads it.
func terminalPair(t *testing.T) (*terminal, *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	term, err := newTerminal(os.NewFile(uintptr(fds[0]), "terminal"))
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[1]), "reader")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		for range 2 {
			if err := term.close(); err != nil {
				t.Error(err)
			}
		}
	})
	return term, c.(*net.UnixConn)
}

func TestATerminalCarriesBothDirections(t *testing.T) {
	devicestest.CheckGoroutines(t)
	term, c := terminalPair(t)
	var console bytes.Buffer
	term.typeInto(&console)
	if _, err := c.Write([]byte("typed")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	term.typing.Wait()
	if console.String() != "typed" {
		t.Errorf("the console got %q", &console)
	}
	want := strings.Repeat("said", 1<<18)
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(c, int64(len(want))))
		read <- string(b)
	}()
	if n, err := term.Write([]byte(want)); n != len(want) || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if got := <-read; got != want {
		t.Errorf("%d bytes arrived, or others, want %d", len(got), len(want))
	}
	if term.lost != 0 {
		t.Errorf("%d bytes are lost", term.lost)
	}
}

// A console that nobody reads takes everything all the same, and goes on where it is
// read again.
func TestATerminalThatNobodyReads(t *testing.T) {
	term, c := terminalPair(t)
	term.patience, term.impatient = 50*time.Millisecond, time.Millisecond
	big := make([]byte, 1<<20)
	for range 20 {
		if n, err := term.Write(big); n != len(big) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if term.lost == 0 || !term.stuck {
		t.Errorf("%d bytes are lost, stuck: %v", term.lost, term.stuck)
	}
	go func() { _, _ = io.Copy(io.Discard, c) }()
	devicestest.Eventually(t, "the reader to be noticed", func() bool {
		before := term.lost
		_, err := term.Write(big)
		return err == nil && !term.stuck && term.lost == before
	})
}

func TestATerminalWhoseReaderIsGone(t *testing.T) {
	term, c := terminalPair(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := term.Write([]byte("x")); n != 0 || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("wrote %d, %v", n, err)
	}
}

func TestATerminalIsASocket(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newTerminal(f); err == nil || !strings.Contains(err.Error(), os.DevNull) {
		t.Errorf("%v", err)
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error("it was left open")
	}
}
