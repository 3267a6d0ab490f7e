package migrate

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"time"

	"github.com/hullvm/hull/migrate/transport"
	"github.com/hullvm/hull/migrate/wire"
)

// StallTime is how long what was sent over TCP may stay unread: whether a host is there
// shows on the connection for control.
const StallTime = 30 * time.Second

// silence is how long a peer may say nothing, or leave what was sent unacknowledged,
// until it is taken for gone: a host under load may not come to it for seconds.
const silence = 15 * time.Second

// Endpoint is where a target listens: the Dialer of most.
type Endpoint struct {
	Address transport.Address
	TLS     *tls.Config // nil: not encrypted
}

// Peer is the address.
func (e *Endpoint) Peer() string { return e.Address.String() }

// Control connects.
func (e *Endpoint) Control(ctx context.Context) (Link, error) {
	c, err := transport.Dial(ctx, e.Address, e.TLS, transport.Options{Lost: silence})
	if err != nil {
		return nil, err
	}
	return transport.NewControl(c, transport.ControlOptions{Silence: silence}), nil
}

// Channel connects.
func (e *Endpoint) Channel(ctx context.Context, session wire.Session, number uint8) (Channel, error) {
	// A monitor that loads a machine reads nothing meanwhile.
	c, err := transport.Dial(ctx, e.Address, e.TLS, transport.Options{Lost: StallTime})
	if err != nil {
		return nil, err
	}
	if err := c.Wire.WriteMessage(wire.Channel{Session: session, Number: number}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return newChannel(c)
}

// channel is a connection of package transport's.
type channel struct {
	file *os.File
	stop context.CancelFunc
	done <-chan error
}

// newChannel takes over a connection.
func newChannel(c *transport.Conn) (Channel, error) {
	ctx, stop := context.WithCancel(context.Background())
	f, done, err := transport.Plain(ctx, c.Stream)
	if err != nil {
		stop()
		return nil, err
	}
	return &channel{f, stop, done}, nil
}

func (c *channel) File() *os.File { return c.file }

// Close ends the connection also for who has another descriptor of it.
func (c *channel) Close() error {
	err := shutdown(c.file)
	c.stop()
	<-c.done // why it ended is told by what went over it
	return errors.Join(err, c.file.Close())
}

// Doorway is where sources come to: the Listener of most.
type Doorway struct{ *transport.Listener }

// Next accepts.
func (d Doorway) Next(ctx context.Context) (*Opening, error) {
	for {
		o, err := d.Accept(ctx)
		if err != nil {
			return nil, err
		}
		opening := &Opening{First: o.First, Peer: o.Peer().String()}
		if _, memory := o.First.(wire.Channel); !memory {
			opening.Link = transport.NewControl(o.Conn, transport.ControlOptions{Silence: silence})
			return opening, nil
		}
		if opening.Channel, err = newChannel(o.Conn); err == nil {
			return opening, nil
		}
	}
}
