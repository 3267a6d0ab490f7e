package unixsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
)

// brokered starts a broker for path and who asks it.
func brokered(t *testing.T, path string) *Asker {
	t.Helper()
	b, theirs, err := NewBroker(path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve() }()
	a, err := NewAsker(theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(a.Close(), <-served, b.Close()); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestABrokerHandsConnectionsOver(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "v")
	a := brokered(t, path)
	if _, err := a.Dial(t.Context(), 7); !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "port 7") {
		t.Errorf("where nobody listens: %v", err)
	}
	// Several at once, each to its own listener.
	const ports = 40
	results := make(chan error, ports)
	for port := range uint32(ports) {
		l, err := Listen(portPath(path, port))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() { results <- greets(a, l, port) }()
	}
	for range ports {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// greets connects to a port and hears of the listener which one it is.
func greets(a *Asker, l *net.UnixListener, port uint32) error {
	s, err := a.Dial(context.Background(), port)
	if err != nil {
		return err
	}
	defer s.Close()
	c, err := l.AcceptUnix()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "this is %d", port)
	if err := errors.Join(err, c.Close()); err != nil {
		return err
	}
	text, err := io.ReadAll(s.(*os.File))
	if want := fmt.Sprintf("this is %d", port); err != nil || string(text) != want {
		return fmt.Errorf("read %q, %v, want %q", text, err, want)
	}
	return nil
}

func TestARequestIsGivenUp(t *testing.T) {
	checkLeaks(t)
	fds := packets(t)
	a, err := NewAsker(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := a.Dial(ctx, 1)
		failed <- err
	}()
	request := make([]byte, messageSize)
	if _, err := io.ReadFull(fds[1], request); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the request ended with %v", err)
	}
	// Its reply comes late, with a socket, which must not stay open: checkLeaks.
	m, err := parseMessage(request)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := unix.Sendmsg(int(fds[1].Fd()), message{m.id, 0}.append(nil), unix.UnixRights(int(null.Fd())), nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fds[1].Close(), a.Close()); err != nil {
		t.Error(err)
	}
	if _, err := a.Dial(context.Background(), 1); !errors.Is(err, errNoBroker) {
		t.Errorf("without a broker: %v", err)
	}
}

func packets(t testing.TB) (ends [2]*os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, fd := range fds {
		ends[i] = os.NewFile(uintptr(fd), "end")
	}
	t.Cleanup(func() {
		for _, f := range ends {
			_ = f.Close()
		}
	})
	return ends
}

// What a broker says that makes no sense ends the connections that wait for it, and
// leaves no descriptor.
func TestRepliesThatMakeNoSense(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, r := range map[string]struct {
		text  []byte
		files int
	}{
		"too short":              {[]byte{1, 2, 3}, 0},
		"too long":               {make([]byte, 100), 1},
		"success without socket": {message{0, 0}.append(nil), 0},
		"success with two":       {message{0, 0}.append(nil), 2},
		"failure with a socket":  {message{0, 2}.append(nil), 1},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			fds := packets(t)
			a, err := NewAsker(fds[0])
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 1)
			go func() {
				_, err := a.Dial(context.Background(), 1)
				failed <- err
			}()
			if _, err := io.ReadFull(fds[1], make([]byte, messageSize)); err != nil {
				t.Fatal(err)
			}
			var rights []byte
			for range r.files {
				rights = append(rights, unix.UnixRights(int(null.Fd()))...)
			}
			if r.files == 2 {
				rights = unix.UnixRights(int(null.Fd()), int(null.Fd()))
			}
			if err := unix.Sendmsg(int(fds[1].Fd()), r.text, rights, nil, 0); err != nil {
				t.Fatal(err)
			}
			if err := <-failed; !errors.Is(err, errNoBroker) {
				t.Errorf("the request ended with %v", err)
			}
			if err := errors.Join(a.Close(), fds[1].Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Requests that make no sense end the broker, and so do descriptors that nobody
// asked for do no harm.
func TestRequestsThatMakeNoSense(t *testing.T) {
	for name, text := range map[string][]byte{"too short": {1}, "too long": make([]byte, 9), "far too long": make([]byte, 1<<12)} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			b, theirs, err := NewBroker(filepath.Join(t.TempDir(), "v"))
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			if err := unix.Sendmsg(int(theirs.Fd()), text, unix.UnixRights(int(theirs.Fd())), nil, 0); err != nil {
				t.Fatal(err)
			}
			if err := b.Serve(); err == nil || !strings.Contains(err.Error(), "message of") {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// One who asks and does not take the answers has the broker hold few of them.
func TestAnAskerThatDoesNotRead(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "v")
	b, theirs, err := NewBroker(path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve() }()
	if err := unix.SetNonblock(int(theirs.Fd()), true); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		_, err := unix.Write(int(theirs.Fd()), message{uint32(i), 1}.append(nil))
		if err == unix.EAGAIN {
			break
		}
		if err != nil || i > 1<<20 {
			t.Fatalf("after %d requests: %v", i, err)
		}
	}
	devicestest.Eventually(t, "all slots to be taken", func() bool { return len(b.slots) == cap(b.slots) })
	if err := errors.Join(b.Close(), <-served, theirs.Close()); err != nil {
		t.Error(err)
	}
}

func TestOnlyABrokersSocketIsTaken(t *testing.T) {
	checkLeaks(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b"), null} {
		if a, err := NewAsker(f); err == nil {
			t.Errorf("%q was taken for a broker's socket", f.Name())
			_ = a.Close()
		}
	}
	if _, _, err := NewBroker("/" + strings.Repeat("x", 100)); err == nil {
		t.Error("a broker takes a name that no port fits behind")
	}
}

// FuzzBroker sends requests: the broker answers each that makes sense, and ends with
// the first that does not.
func FuzzBroker(f *testing.F) {
	f.Add(message{1, 2}.append(nil), message{1, 1 << 31}.append(nil))
	f.Add([]byte{}, []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		b, theirs, err := NewBroker(filepath.Join(t.TempDir(), "v"))
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		want := 0
		for _, text := range [][]byte{first, second} {
			if len(text) == 0 || len(text) > 1<<12 {
				return // the end of a connection, or more than a socket takes
			}
			if _, err := theirs.Write(text); err != nil {
				t.Fatal(err)
			}
			if len(text) == messageSize && want >= 0 {
				want++
			} else {
				want = -1
			}
		}
		served := make(chan error, 1)
		go func() { served <- b.Serve() }()
		var buffer [messageSize + 1]byte
		for range want {
			n, err := theirs.Read(buffer[:])
			if err != nil {
				t.Fatal(err)
			}
			m, err := parseMessage(buffer[:n])
			if err != nil || m.value != uint32(unix.ENOENT) {
				t.Fatalf("answered %v, %v, want ENOENT", m, err)
			}
		}
		if want >= 0 {
			_ = theirs.Close()
		}
		if err := <-served; (err == nil) != (want >= 0) {
			t.Errorf("the broker ends with %v", err)
		}
	})
}

// FuzzReply has the asker's side read any reply.
func FuzzReply(f *testing.F) {
	f.Add(message{1, 0}.append(nil), false)
	f.Add(message{1, 111}.append(nil), false)
	f.Add(message{1, 0}.append(nil), true)
	f.Fuzz(func(t *testing.T, text []byte, file bool) {
		var control []byte
		if file {
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			control = unix.UnixRights(fd)
			defer func() {
				if unix.Close(fd) != unix.EBADF {
					t.Error("the descriptor was left open")
				}
			}()
		}
		m, r, err := parseReply(text, control)
		if r.socket != nil {
			if err != nil || !file || m.value != 0 {
				t.Errorf("%v, %v brings a socket", m, err)
			}
			_ = r.socket.Close()
		} else if err == nil && r.err == nil {
			t.Error("neither a socket nor an error")
		}
	})
}
