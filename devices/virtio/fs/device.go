package fs

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/fswire"
)

// helloDeadline bounds the wait for the server's hello.
const helloDeadline = 10 * time.Second

// Device is a file system device.
type Device struct {
	config Config
	hello  fswire.ServerHello
	space  [configSize]byte

	conn *os.File
	raw  syscall.RawConn

	slots *slots
	gate  *gate
	done  chan struct{} // closed when the receiver has ended

	sending sync.Mutex // held while one request is sent, whole; guards sender
	sender  sender

	active *activation // nil while not active; Activate's and its kind's
}

var _ virtio.Device = (*Device)(nil)

// New returns a device, and says hello to its server. Close ends it; the socket
// of the configuration is the device's, also where New fails.
func New(c Config) (*Device, error) {
	d, err := newDevice(c)
	if err != nil {
		if c.Server != nil {
			c.Server.Close()
		}
		return nil, fmt.Errorf("share %q: %w", c.Tag, err)
	}
	return d, nil
}

func newDevice(c Config) (*Device, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.fill()
	raw, err := c.Server.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	d := &Device{config: c, conn: c.Server, raw: raw, gate: newGate(), done: make(chan struct{})}
	copy(d.space[configTag:], c.Tag)
	d.space[configNumRequestQueues] = byte(c.RequestQueues)
	if d.hello, err = greet(c.Server); err != nil {
		return nil, fmt.Errorf("file server: %w", err)
	}
	n := int(d.hello.MaxInFlight)
	if c.InFlight > 0 {
		n = min(n, c.InFlight)
	}
	d.slots = newSlots(n)
	go d.receive()
	return d, nil
}

func greet(conn *os.File) (h fswire.ServerHello, err error) {
	if err := conn.SetDeadline(time.Now().Add(helloDeadline)); err != nil {
		return h, err
	}
	hello := fswire.ClientHello{
		MinVersion: fswire.Version, MaxVersion: fswire.Version,
		MaxRequest: fswire.MaxRequest, MaxReply: fswire.MaxReply,
	}
	if _, err := conn.Write(hello.Append(nil)); err != nil {
		return h, err
	}
	if h, err = fswire.ReadServerHello(conn); err != nil {
		return h, err
	}
	return h, conn.SetDeadline(time.Time{})
}

// Server is what the server said of itself: how it is confined, among others.
func (d *Device) Server() fswire.ServerHello { return d.hello }

// Err says why the server is of no more use, or nil.
func (d *Device) Err() error {
	if err := d.slots.lost(); err != nil && !errors.Is(err, errClosed) {
		return fmt.Errorf("share %q: file server: %w", d.config.Tag, err)
	}
	return nil
}

// ID is virtio.IDFS.
func (d *Device) ID() virtio.ID { return virtio.IDFS }

// Features are none: VIRTIO_FS_F_NOTIFICATION is not offered.
func (d *Device) Features() uint64 { return 0 }

// QueueSizes are of the high priority queue and the request queues.
func (d *Device) QueueSizes() []uint16 {
	sizes := make([]uint16, queueRequests+d.config.RequestQueues)
	for i := range sizes {
		sizes[i] = d.config.QueueSize
	}
	return sizes
}

// ReadConfig reads the tag and the number of request queues.
func (d *Device) ReadConfig(off uint64, p []byte) {
	clear(p)
	if off < configSize {
		copy(p, d.space[off:])
	}
}

// WriteConfig does nothing: all of the configuration is read-only.
func (d *Device) WriteConfig(uint64, []byte) {}

// Close ends the device, which is not active, and its connection to the server,
// which ends the server.
func (d *Device) Close() error {
	d.slots.lose(errClosed)
	d.gate.close()
	err := d.conn.Close()
	<-d.done
	if errors.Is(err, os.ErrClosed) {
		return nil // with the connection that was lost
	}
	return err
}

// errClosed is why a device that was closed has no server.
var errClosed = errors.New("closed")
