package unixsock

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
)

func TestDialingReachesTheSocketOfThePort(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "vsock")
	l, err := Listen(path + "_52")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, err := NewDialer(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Dial(context.Background(), 52)
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	_ = c.Close()
}

func TestDialingWhereNobodyListensFails(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "vsock")
	d, err := NewDialer(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Dial(context.Background(), 1); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("without a socket: %v", err)
	}
	l, err := Listen(path + "_2")
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if _, err := d.Dial(context.Background(), 2); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("with an abandoned socket: %v", err)
	}
}

func TestDialingWaitsForAListenerThatIsBusy(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "vsock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path + "_1"}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	l, err := FromFile(os.NewFile(uintptr(fd), "listener"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, err := NewDialer(path)
	if err != nil {
		t.Fatal(err)
	}
	const dials = 5
	results := make(chan error, dials)
	for range dials {
		go func() {
			s, err := d.Dial(context.Background(), 1)
			if err == nil {
				_ = s.Close()
			}
			results <- err
		}()
	}
	devicestest.Eventually(t, "connections to wait", func() bool { return len(d.busy) > 0 })
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for len(d.busy) < cap(d.busy) {
		d.busy <- struct{}{}
	}
	if _, err := d.Dial(cancelled, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("dialing without patience: %v", err)
	}
	// A dial that fails is none to accept.
	accepted := make(chan int, 1)
	go func() {
		n := 0
		for {
			c, err := l.Accept()
			if err != nil {
				accepted <- n
				return
			}
			n++
			_ = c.Close()
		}
	}()
	for range dials {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	_ = l.Close()
	if n := <-accepted; n > dials {
		t.Errorf("%d connections were accepted", n)
	}
}

func TestAnAbandonedSocketIsReplaced(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(t.TempDir(), "vsock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket is %v, %v, want mode 0600", info.Mode(), err)
	}
	if _, err := Listen(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if l, err = Listen(path); err != nil {
		t.Fatalf("an abandoned socket: %v", err)
	}
	_ = l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("in the place of a file: %v", err)
	}
}

func TestNamesThatAreTooLongAreRefused(t *testing.T) {
	long := "/" + strings.Repeat("x", 100)
	if _, err := NewDialer(long); err == nil {
		t.Error("a dialer takes a name that no port fits behind")
	}
	if _, err := Listen(long + long); err == nil || !strings.Contains(err.Error(), "want 1 to 107") {
		t.Errorf("error is %v", err)
	}
	if _, err := Listen(""); err == nil {
		t.Error("a listener takes no name")
	}
}

func TestOnlyListenersAreTakenOver(t *testing.T) {
	checkLeaks(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	f, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{f, os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b"), null} {
		if l, err := FromFile(f); err == nil {
			t.Errorf("%q was taken for a listener", f.Name())
			_ = l.Close()
		}
	}
}
