package transport

import (
	"net"
	"time"
)

// Options of connections. The zero value has the defaults.
type Options struct {
	// Greeting is how long a connection may take until its first frame has
	// arrived, the TLS handshake included; 10 s by default.
	Greeting time.Duration
	// Lost is how long what was sent over TCP may stay unacknowledged, and how long
	// the other side may take nothing at all, alive or not; 5 s by default. The
	// kernel counts in milliseconds (TCP_USER_TIMEOUT).
	Lost time.Duration
	// Pending is how many connections are greeted at a time; 32 by default.
	Pending int
	// Dropped is told of each connection that was given up before it was anybody's.
	// It may be called by several at once.
	Dropped func(peer net.Addr, err error)
}

func (o Options) orDefaults() Options {
	if o.Greeting <= 0 {
		o.Greeting = 10 * time.Second
	}
	if o.Lost <= 0 {
		o.Lost = 5 * time.Second
	}
	if o.Pending <= 0 {
		o.Pending = 32
	}
	if o.Dropped == nil {
		o.Dropped = func(net.Addr, error) {}
	}
	return o
}
