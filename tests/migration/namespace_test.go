package migration

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
)

// namespace is a network namespace that lives as long as its file, and what uses it.
type namespace struct{ file *os.File }

// newNamespace makes one, with the loopback up.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := new(namespace)
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		n.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		return err
	})
	if err != nil {
		guesttest.Missing(t, fmt.Sprintf("a network namespace: %v", err))
	}
	t.Cleanup(func() { n.file.Close() })
	return n
}

// onThread runs f on a thread of its own, which ends with it: what f changes of the
// thread changes no other.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// do runs f in the namespace.
func (n *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("network namespace: enter: %w", err)
		}
		return f()
	})
}

// dial connects from within. An address has no name in it: that would be looked up by
// other threads.
func (n *namespace) dial(network, address string) (c net.Conn, err error) {
	err = n.do(func() error {
		d := net.Dialer{Timeout: 10 * time.Second}
		c, err = d.Dial(network, address)
		return err
	})
	return c, err
}

func (n *namespace) listen(address string) (l net.Listener, err error) {
	err = n.do(func() error {
		l, err = new(net.ListenConfig).Listen(context.Background(), "tcp4", address)
		return err
	})
	return l, err
}

func (n *namespace) listenPacket(address string) (c *net.UDPConn, err error) {
	err = n.do(func() error {
		a, err := net.ResolveUDPAddr("udp4", address)
		if err != nil {
			return err
		}
		c, err = net.ListenUDP("udp4", a)
		return err
	})
	return c, err
}
