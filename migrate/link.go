package migrate

import (
	"context"
	"fmt"
	"os"

	"github.com/hullvm/hull/migrate/wire"
)

// Link is a connection for control on which both sides have greeted each other, as
// transport.Control is one. Read is for one goroutine, Write for any. Close ends both.
type Link interface {
	Read(ctx context.Context) (wire.Message, error)
	Write(m wire.Message) error
	// Context ends with parent, and with the connection: then its cause is why.
	Context(parent context.Context) (context.Context, context.CancelFunc)
	Close() error
}

// Dialer makes a source's connections.
type Dialer interface {
	// Control makes one for control.
	Control(ctx context.Context) (Link, error)
	// Channel makes one for memory, and says on it which it is.
	Channel(ctx context.Context, session wire.Session, number uint8) (Channel, error)
	// Peer is the address, for people.
	Peer() string
}

// Channel is a connection for memory.
type Channel interface {
	// File is a descriptor of it for a process without TLS.
	File() *os.File
	Close() error
}

func files(channels []Channel) []*os.File {
	list := make([]*os.File, len(channels))
	for i, c := range channels {
		list[i] = c.File()
	}
	return list
}

func closeAll(channels []Channel) {
	for _, c := range channels {
		if c != nil {
			_ = c.Close() // what went over it was acknowledged, or is of no use
		}
	}
}

// await reads the next message, which has to be of one type.
func await[M wire.Message](ctx context.Context, l Link) (M, error) {
	m, err := l.Read(ctx)
	var none M
	if err != nil {
		return none, err
	}
	if wanted, ok := m.(M); ok {
		return wanted, nil
	}
	return none, fmt.Errorf("%v, where %v was to come", m.Type(), none.Type())
}
