package twohosts

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace that lives as long as it is not closed, and what uses
// it. Its loopback is up.
type Namespace struct{ file *os.File }

// NewNamespace makes one. It takes root.
func NewNamespace() (*Namespace, error) {
	n := new(Namespace)
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		n.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		if err != nil {
			return err
		}
		return up("lo")
	})
	if err != nil {
		if n.file != nil {
			n.file.Close()
		}
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	return n, nil
}

// Close lets the namespace go.
func (n *Namespace) Close() error { return n.file.Close() }

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

// Do runs f in the namespace, on a thread of its own, which ends with f: processes that it
// starts are there, and sockets that it makes stay there.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("network namespace: enter: %w", err)
		}
		return f()
	})
}

// Dial connects from within. The address has no name in it: that would be looked up by
// other threads.
func (n *Namespace) Dial(network, address string) (c net.Conn, err error) {
	err = n.Do(func() error {
		d := net.Dialer{Timeout: 10 * time.Second}
		c, err = d.Dial(network, address)
		return err
	})
	return c, err
}

// Listen listens on an IPv4 address of the namespace by TCP.
func (n *Namespace) Listen(address string) (l net.Listener, err error) {
	err = n.Do(func() error {
		l, err = new(net.ListenConfig).Listen(context.Background(), "tcp4", address)
		return err
	})
	return l, err
}

// ListenPacket listens on an IPv4 address of the namespace by UDP.
func (n *Namespace) ListenPacket(address string) (c *net.UDPConn, err error) {
	err = n.Do(func() error {
		a, err := net.ResolveUDPAddr("udp4", address)
		if err != nil {
			return err
		}
		c, err = net.ListenUDP("udp4", a)
		return err
	})
	return c, err
}
