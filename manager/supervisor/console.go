package supervisor

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// console joins the guest's console to the log and to those who are attached. It
// outlives the runs of the machine: a guest that reboots keeps its listeners.
type console struct {
	log io.Writer

	mu        sync.Mutex
	guest     io.Writer // the machine's end; nil between runs
	listeners map[*listener]struct{}
	closed    bool
	gone      sync.WaitGroup // of listeners
}

// Bounds of those who are attached.
const (
	maxListeners = 64
	maxBacklog   = 1 << 20         // bytes that a listener has not read
	lastWrite    = 2 * time.Second // for what it has not read when the instance ended
)

var errManyListeners = errors.New("64 are attached already")

func newConsole(log io.Writer) *console {
	return &console{log: log, listeners: make(map[*listener]struct{})}
}

// run copies what the guest writes until the machine has ended and all is read.
func (c *console) run(guest io.ReadWriter) {
	c.join(guest)
	defer c.join(nil)
	buffer := make([]byte, 32<<10)
	for {
		n, err := guest.Read(buffer)
		if n > 0 {
			// What a listener has seen is in the log. The log tells of its own
			// failures.
			_, _ = c.log.Write(buffer[:n])
			c.send(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (c *console) join(guest io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guest = guest
}

func (c *console) send(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.listeners {
		l.push(b)
	}
}

// typed hands what somebody typed to the guest. It waits while the guest does not
// read; between runs it is lost, as on a machine that is off.
func (c *console) typed(b []byte) {
	c.mu.Lock()
	guest := c.guest
	c.mu.Unlock()
	if guest != nil {
		_, _ = guest.Write(b) // it fails when the machine has ended
	}
}

// attach has a connection hear the console, and speak to the guest with input,
// until either end goes. It owns the connection, and returns at once. What the guest
// writes from now on follows the greeting.
func (c *console) attach(conn net.Conn, from io.Reader, input bool, greeting []byte) error {
	l := &listener{conn: conn, wake: make(chan struct{}, 1), backlog: greeting}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return nil
	}
	if len(c.listeners) >= maxListeners {
		return errManyListeners
	}
	c.listeners[l] = struct{}{}
	c.gone.Add(2)
	go func() {
		defer c.gone.Done()
		l.deliver()
		conn.Close()
		c.mu.Lock()
		delete(c.listeners, l)
		c.mu.Unlock()
	}()
	go func() {
		defer c.gone.Done()
		buffer := make([]byte, 4<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 && input {
				c.typed(buffer[:n])
			}
			if err != nil {
				l.cut()
				return
			}
		}
	}()
	return nil
}

// close ends all listeners when they have what was sent, or do not read it.
func (c *console) close() {
	c.mu.Lock()
	c.closed = true
	for l := range c.listeners {
		l.finish()
	}
	c.mu.Unlock()
	c.gone.Wait()
}

// listener is one who is attached. A guest is not held up by a listener that does
// not read: it is let go.
type listener struct {
	conn net.Conn
	wake chan struct{} // capacity 1

	mu      sync.Mutex
	backlog []byte
	ended   bool // nothing more comes
}

func (l *listener) push(b []byte) {
	l.mu.Lock()
	full := len(l.backlog)+len(b) > maxBacklog
	if !full && !l.ended {
		l.backlog = append(l.backlog, b...)
	}
	l.mu.Unlock()
	if full {
		l.cut()
	}
	l.poke()
}

// cut lets the listener go, with what it has not read.
func (l *listener) cut() {
	l.mu.Lock()
	l.ended, l.backlog = true, nil
	l.mu.Unlock()
	l.conn.Close() // which ends a write under way
	l.poke()
}

// finish lets the listener go when it has read all, or does not.
func (l *listener) finish() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	_ = l.conn.SetWriteDeadline(time.Now().Add(lastWrite)) // it fails on one that is closed
	l.poke()
}

func (l *listener) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// deliver writes the backlog until there is no more to come.
func (l *listener) deliver() {
	for {
		l.mu.Lock()
		next, ended := l.backlog, l.ended
		l.backlog = nil
		l.mu.Unlock()
		if len(next) > 0 {
			if _, err := l.conn.Write(next); err != nil {
				return
			}
			continue
		}
		if ended {
			return
		}
		<-l.wake
	}
}
