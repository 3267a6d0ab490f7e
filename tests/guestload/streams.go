package guestload

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/mdlayher/vsock"
)

// stream keeps streams busy: one within the guest, which nothing may end, those to
// the host, which a restore ends, and an echo for the host's own.
func (l *load) stream(seed uint64, host string) error {
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go ServeEcho(inside, nil, nil)
	c, err := net.Dial("tcp", inside.Addr().String())
	if err != nil {
		return err
	}
	t := NewTalk(c, seed)
	go l.work("loopback", t.Exchange)

	incoming, err := listen(InPort)
	if err != nil {
		return err
	}
	for _, i := range incoming {
		go ServeEcho(i, func() { l.incoming.Add(1) }, func() { l.incoming.Add(-1) })
	}
	go l.outgoing("vsock", seed+1, func() (net.Conn, error) { return vsock.Dial(vsock.Host, OutPort, nil) })
	if host != "-" {
		go l.outgoing("outside", seed+2, func() (net.Conn, error) { return net.DialTimeout("tcp", host, 10*time.Second) })
	}
	return nil
}

// outgoing talks by a stream to the host, and begins another where one ends. An end is
// no error of the guest's; that a stream hangs shows as no progress. It is no part of
// what is stopped for a check: an answer may be long in coming.
func (l *load) outgoing(name string, seed uint64, dial func() (net.Conn, error)) {
	for ; ; time.Sleep(100 * time.Millisecond) {
		c, err := dial()
		if err != nil {
			continue // the host listens soon
		}
		l.went(name + " dialled")
		t := NewTalk(c, seed)
		for err == nil {
			if err = t.Exchange(); err == nil {
				l.went(name)
				l.rest()
			}
		}
		_ = c.Close()
		if t.wrong != nil {
			l.note(fmt.Errorf("%s: %w", name, t.wrong))
		}
		l.broke(name, err)
	}
}

// Talk is this end of a stream to an echo.
type Talk struct {
	conn      net.Conn
	choice    *rand.Rand
	sent, got []byte
	exchanged int64
	wrong     error // bytes that were not those that were sent
}

// NewTalk is a talk over a connection; the seed chooses what is sent.
func NewTalk(c net.Conn, seed uint64) *Talk {
	return &Talk{conn: c, choice: rand.New(rand.NewPCG(seed, 1)), sent: make([]byte, 32<<10), got: make([]byte, 32<<10)}
}

// Exchange sends random bytes, and compares what comes back.
func (t *Talk) Exchange() error {
	n := 1 + t.choice.IntN(len(t.sent))
	for i := range n {
		t.sent[i] = byte(mix(uint64(t.exchanged)+uint64(i)) >> 11)
	}
	sending := make(chan error, 1)
	go func() {
		_, err := t.conn.Write(t.sent[:n])
		sending <- err
	}()
	_, err := io.ReadFull(t.conn, t.got[:n])
	if err != nil {
		_ = t.conn.Close() // the writer is not to wait for ever
		<-sending
		return err
	}
	if err := <-sending; err != nil {
		return err
	}
	if !bytes.Equal(t.sent[:n], t.got[:n]) {
		t.wrong = fmt.Errorf("what was sent after %d bytes comes back changed", t.exchanged)
		return t.wrong
	}
	t.exchanged += int64(n)
	return nil
}

// ServeEcho sends back what comes, on all connections of a listener until that is
// closed.
func ServeEcho(l net.Listener, begins, ends func()) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			if begins != nil {
				begins()
				defer ends()
			}
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) // the other end notices
			_ = c.Close()
		}()
	}
}
