package vsock

import (
	"fmt"
	"net"
	"sync"
	"syscall"

	"github.com/hullvm/hull/devices"
)

// backlogLimit is how many connections may wait for an Accept.
const backlogLimit = 128

// Listener takes connections of the guest to one port of the host. It is a
// net.Listener.
type Listener struct {
	device *Device
	port   uint32
	conns  chan *Conn // that wait
	done   chan struct{}

	mu   sync.Mutex // guards what follows
	over bool       // nothing more is put into conns
}

// Listen takes what the guest connects to at a port of the host, before the Host
// is asked. It may be called before there is a driver.
func (d *Device) Listen(port uint32) (*Listener, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("vsock: listen at port %d: %w", port, devices.ErrClosed)
	}
	if d.listeners[port] != nil {
		return nil, fmt.Errorf("vsock: listen at port %d: %w", port, syscall.EADDRINUSE)
	}
	l := &Listener{device: d, port: port, conns: make(chan *Conn, backlogLimit), done: make(chan struct{})}
	d.listeners[port] = l
	return l, nil
}

func (d *Device) listener(port uint32) *Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listeners[port]
}

// Accept waits for a connection, which is a *[Conn].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, fmt.Errorf("vsock: accept at port %d: %w", l.port, net.ErrClosed)
	}
}

// Close stops listening. Connections that nobody accepted are closed.
func (l *Listener) Close() error {
	l.device.mu.Lock()
	if l.device.listeners[l.port] == l {
		delete(l.device.listeners, l.port)
	}
	l.device.mu.Unlock()
	l.shut()
	return nil
}

func (l *Listener) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over = true
	close(l.done)
	for {
		select {
		case c := <-l.conns:
			_ = c.Close()
		default:
			return
		}
	}
}

// Addr is the host's address, with the port.
func (l *Listener) Addr() net.Addr { return Addr{CID: HostCID, Port: l.port} }

// offer hands a connection over, and reports false where there is no room for it.
func (l *Listener) offer(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	select {
	case l.conns <- c:
		return true
	default:
		return false
	}
}
