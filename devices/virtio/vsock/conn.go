package vsock

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Addr is one end of a connection.
type Addr struct{ CID, Port uint32 }

// Network is "vsock".
func (Addr) Network() string { return "vsock" }

func (a Addr) String() string { return fmt.Sprintf("%d:%d", a.CID, a.Port) }

// Conn is the monitor's end of a connection to the guest.
type Conn struct {
	socket        *net.UnixConn
	reset         *atomic.Bool // the guest ended it without a word
	local, remote Addr
}

// Read reads what the guest sent. It ends with io.EOF where the guest said that
// nothing follows, and with ECONNRESET where it went away.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.socket.Read(p)
	if err == io.EOF && c.reset.Load() {
		err = fmt.Errorf("vsock: read from %v: %w", c.remote, syscall.ECONNRESET)
	}
	return n, err
}

// Write sends p to the guest.
func (c *Conn) Write(p []byte) (int, error) { return c.socket.Write(p) }

// CloseRead says that nothing more will be read.
func (c *Conn) CloseRead() error { return c.socket.CloseRead() }

// CloseWrite says that nothing more will be written; the guest reads an end.
func (c *Conn) CloseWrite() error { return c.socket.CloseWrite() }

// Close ends the connection. What was written before still reaches the guest.
func (c *Conn) Close() error { return c.socket.Close() }

// LocalAddr is the host's end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the guest's end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is that of net.Conn, as are the next two.
func (c *Conn) SetDeadline(t time.Time) error { return c.socket.SetDeadline(t) }

// SetReadDeadline bounds Read.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// SetWriteDeadline bounds Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.socket.SetWriteDeadline(t) }

// SyscallConn gives access to the socket.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }
