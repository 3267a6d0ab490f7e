package vsock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
)

func TestEachSideMayEndItsHalf(t *testing.T) {
	g := newGuest(t, guestOptions{})
	conn, s := g.pairUp()
	c := conn.(*Conn)

	// The monitor has said all, the guest goes on.
	exchange(t, c, s, []byte("last words"))
	_ = c.CloseWrite()
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the guest reads %d bytes, %v, want EOF", n, err)
	}
	exchange(t, s, c, randomBytes(1000))
	s.close()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the monitor reads %d bytes, %v, want EOF", n, err)
	}
	g.wantConnections(0)

	// And the other way round.
	conn, s = g.pairUp()
	c = conn.(*Conn)
	exchange(t, s, c, []byte("last words"))
	s.shutdown(shutSend)
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the monitor reads %d bytes, %v, want EOF", n, err)
	}
	exchange(t, c, s, randomBytes(1000))
	_ = c.Close()
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the guest reads %d bytes, %v, want EOF", n, err)
	}
	g.wantConnections(0)
}

func TestAGuestThatReadsNoMoreIsNotWrittenTo(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c, s := g.pairUp()
	s.shutdown(shutReceive)
	devicestest.Eventually(t, "writes to fail", func() bool {
		_, err := c.Write([]byte("x"))
		return errors.Is(err, syscall.EPIPE)
	})
	exchange(t, s, c, []byte("still here"))
}

func TestAHostThatReadsNoMoreIsNotWrittenTo(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c, s := g.pairUp()
	_ = c.(*Conn).CloseRead()
	devicestest.Eventually(t, "writes to fail", func() bool {
		_, err := s.Write([]byte("x"))
		return errors.Is(err, syscall.EPIPE)
	})
	exchange(t, c, s, []byte("still here"))
}

func TestAResetEndsBothSidesAtOnce(t *testing.T) {
	host, accepted := answering()
	g := newGuest(t, guestOptions{config: Config{Host: host}})
	c, s := g.pairUp()
	exchange(t, s, c, []byte("x"))
	s.rst()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the monitor reads %d bytes, %v, want ECONNRESET", n, err)
	}
	s, err := g.connect(5)
	if err != nil {
		t.Fatal(err)
	}
	h := <-accepted
	defer h.Close()
	s.rst()
	if n, err := h.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the host reads %d bytes, %v", n, err)
	}
	g.wantConnections(0)
}

// What a process wrote before it was gone arrives whole, however slow the reader
// is, in both directions.
func TestWhatWasWrittenBeforeAnEndArrivesWhole(t *testing.T) {
	text := randomBytes(8 << 20)
	for name, end := range map[string]func(*sock){
		"closed": (*sock).close,
		"reset":  (*sock).rst, // as a guest does that has waited long enough
	} {
		t.Run("from a guest that "+name, func(t *testing.T) {
			g := newGuest(t, guestOptions{event: true})
			c, s := g.pairUp()
			// It must not matter that the host has said something as well.
			if _, err := c.Write([]byte("unread")); err != nil {
				t.Fatal(err)
			}
			// The reader stops before the end, where what is left fits into the
			// window, and goes on when the writer is gone.
			read := make(chan []byte)
			gone := make(chan struct{})
			go func() {
				got := new(bytes.Buffer)
				_, _ = io.CopyN(got, c, int64(len(text)-maxWindow/2))
				<-gone
				_, _ = io.Copy(got, c)
				read <- got.Bytes()
			}()
			if _, err := s.Write(text); err != nil {
				t.Error(err)
			}
			end(s)
			close(gone)
			if got := <-read; !bytes.Equal(got, text) {
				t.Errorf("%d bytes were read, want %d; the same so far: %v", len(got), len(text), bytes.HasPrefix(text, got))
			}
			g.wantConnections(0)
		})
	}
	t.Run("from the monitor", func(t *testing.T) {
		g := newGuest(t, guestOptions{event: true})
		c, s := g.pairUp()
		// It must not matter that the guest has said something as well.
		if _, err := s.Write([]byte("unread")); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = c.Write(text)
			_ = c.Close()
		}()
		if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes were read, %v, want %d", len(got), err, len(text))
		}
		s.close()
		g.wantConnections(0)
	})
}

// writeUntilHeld writes until the host's socket takes no more and the device holds
// the rest, and returns what was written.
func writeUntilHeld(t *testing.T, g *guest, s *sock) (text []byte) {
	t.Helper()
	for held := 0; held == 0; {
		p := randomBytes(minWindow)
		if _, err := s.Write(p); err != nil {
			t.Fatal(err)
		}
		text = append(text, p...)
		g.eventually("the device to take it", func() bool { return g.tx.Pending() == 0 })
		g.device.session.call(func() { held = g.device.session.table[s.key].backlog.n })
	}
	return text
}

// The guest's last words survive the guest's machine.
func TestLastWordsOutliveTheDriver(t *testing.T) {
	g := newGuest(t, guestOptions{event: true})
	c, s := g.pairUp()
	text := writeUntilHeld(t, g, s)
	s.close()
	g.eventually("the end to be sent", func() bool { return len(g.control) == 0 && g.tx.Pending() == 0 })
	g.active.Deactivate()
	if err := g.device.Drain(time.Millisecond); err == nil {
		t.Error("all is drained before it was read")
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes were read, %v, want %d", len(got), err, len(text))
	}
	if err := g.device.Drain(20 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestLastWordsEndWithTheNextDriver(t *testing.T) {
	for name, next := range map[string]func(g *guest){
		"activate": func(g *guest) { bootGuest(g.t, g.device, guestOptions{}) },
		"close":    func(g *guest) { _ = g.device.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, guestOptions{event: true})
			c, s := g.pairUp()
			text := writeUntilHeld(t, g, s)
			g.active.Deactivate()
			g.stop()
			next(g)
			got, err := io.ReadAll(c)
			if !errors.Is(err, syscall.ECONNRESET) || len(got) == 0 || !bytes.HasPrefix(text, got) {
				t.Errorf("%d bytes were read, %v, want some and ECONNRESET", len(got), err)
			}
		})
	}
}

// Section 5.10.6.6: a guest that does not answer a SHUTDOWN gets a RST.
func TestAGuestThatDoesNotAnswerAShutdownIsReset(t *testing.T) {
	clock := devicestest.NewClock(time.Unix(1_700_000_000, 0))
	w, c := connected(t, Config{Clock: clock})
	_ = c.Close()
	if h := w.wants(opShutdown)[0]; h.flags != shutBoth {
		t.Errorf("SHUTDOWN is %+v", h)
	}
	clock.Advance(closeTimeout - 1)
	w.settle()
	w.want()
	// A guest that does not run cannot answer.
	w.device.Pause()
	clock.Advance(closeTimeout)
	w.settle()
	w.device.Resume()
	clock.Advance(closeTimeout - 1)
	w.settle()
	w.want()
	clock.Advance(1)
	w.wants(opRst)
	if n := w.device.Stats().Connections; n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if n := clock.Pending(); n != 0 {
		t.Errorf("%d timers wait for nothing", n)
	}
}

// A guest that has forgotten a connection may use its ports anew.
func TestARequestReplacesAConnectionThatIsClosing(t *testing.T) {
	w, c := connected(t, Config{})
	_ = c.Close()
	w.wants(opShutdown)
	w.send(packet(opRequest), nil)
	w.wants(opResponse)
	w.send(packet(opRst), nil)
	w.want()
}

func TestTheEndsOfAShutdown(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(w *wire, c *net.UnixConn)
		want []uint16
	}{
		{"the guest ends all", func(w *wire, c *net.UnixConn) {
			w.send(shutdown(shutBoth), nil)
		}, []uint16{opRst}},
		{"the guest ends both, one after the other", func(w *wire, c *net.UnixConn) {
			w.send(shutdown(shutSend), nil)
			w.send(shutdown(shutReceive), nil)
		}, []uint16{opRst}},
		{"the guest ends nothing", func(w *wire, c *net.UnixConn) {
			w.send(shutdown(0), nil)
			w.send(shutdown(^uint32(shutBoth)), nil)
		}, nil},
		{"the guest answers the host's end with its own", func(w *wire, c *net.UnixConn) {
			_ = c.Close()
			w.wants(opShutdown)
			w.send(shutdown(shutBoth), nil)
		}, []uint16{opRst}},
		{"the guest answers the host's end", func(w *wire, c *net.UnixConn) {
			_ = c.Close()
			w.wants(opShutdown)
			w.send(packet(opRst), nil)
		}, nil},
		{"the guest sends to a host that is gone", func(w *wire, c *net.UnixConn) {
			_ = c.Close()
			w.wants(opShutdown)
			w.send(packet(opRW), []byte("x"))
			w.send(packet(opCreditUpdate), nil)
			w.send(packet(opCreditRequest), nil)
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, c := connected(t, Config{})
			test.do(w, c)
			w.want(test.want...)
		})
	}
}

// What a host said and the guest did not want to hear is no error of the guest's
// end.
func TestAnEndIsCleanThoughSomethingWasNotRead(t *testing.T) {
	w, c := connected(t, Config{})
	// All that the guest sends has no room for more in it.
	full := func(h header) header {
		h.bufAlloc = 0
		return h
	}
	w.send(full(packet(opCreditUpdate)), nil)
	if _, err := c.Write([]byte("unread")); err != nil {
		t.Fatal(err)
	}
	w.wantsLast(opCreditRequest)
	w.send(full(packet(opRW)), []byte("last words"))
	w.send(full(shutdown(shutBoth)), nil)
	w.wantsLast(opRst)
	if got, err := io.ReadAll(c); err != nil || string(got) != "last words" {
		t.Errorf("the host reads %q, %v, want a clean end", got, err)
	}
}
