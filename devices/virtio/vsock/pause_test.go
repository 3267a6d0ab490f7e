package vsock

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestPausingHoldsTheQueues(t *testing.T) {
	host, accepted := answering()
	g := newGuest(t, guestOptions{config: Config{Host: host}})
	c, s := g.pairUp()
	for range 20 {
		g.device.Pause()
		g.device.Pause()
		rx, tx := g.rx.Queue().Position(), g.tx.Queue().Position()
		if _, err := c.Write([]byte("to the guest")); err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			_, err := s.Write([]byte("from the guest"))
			written <- err
		}()
		g.eventually("the guest to have sent", func() bool { return len(s.out) == 0 && g.tx.Pending() > 0 })
		g.device.Pause() // by now the device has seen all there is
		if got := g.rx.Queue().Position(); got != rx {
			t.Fatalf("rx is at %+v, was at %+v", got, rx)
		}
		if got := g.tx.Queue().Position(); got != tx {
			t.Fatalf("tx is at %+v, was at %+v", got, tx)
		}
		g.device.Resume()
		g.device.Resume()
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		readFull(t, s, "to the guest")
		readFull(t, c, "from the guest")
	}
	// New connections as well.
	g.device.Pause()
	connected := make(chan error, 2)
	go func() {
		_, err := g.connect(9)
		connected <- err
	}()
	go func() {
		c, err := g.device.Dial(waitContext(t), 1)
		if err == nil {
			_ = c.Close()
		}
		connected <- err
	}()
	g.device.Resume()
	for range 2 {
		if err := <-connected; err != nil {
			t.Error(err)
		}
	}
	_ = (<-accepted).Close()
}

func readFull(t *testing.T, r io.Reader, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if _, err := io.ReadFull(r, p); err != nil || string(p) != want {
		t.Fatalf("read %q, %v, want %q", p, err, want)
	}
}

// A device that is paused, and one that has nothing to do, sleeps: nothing that is
// ready and stays so may wake it again and again.
func TestNothingToDoMeansNoWakeUps(t *testing.T) {
	var turns int
	g := newGuest(t, guestOptions{})
	c, s := g.pairUp()
	count := func() (n int) {
		g.device.session.call(func() { n = g.device.session.turns })
		return n
	}
	g.do(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		s.alloc = 0 // no credit: what the host writes stays in its socket
		g.control = append(g.control, s.header(opCreditUpdate))
	})
	if _, err := c.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	_ = c.(*Conn).CloseWrite()
	g.eventually("the device to ask for credit", func() bool { return g.asked > 0 })
	for _, paused := range []bool{false, true} {
		if paused {
			g.device.Pause()
		}
		turns = count()
		for range 100 {
			_ = count() // each is a wake-up of its own
		}
		if n := count() - turns; n > 110 {
			t.Errorf("paused %v: the device woke up %d times for 101 reasons", paused, n)
		}
	}
	g.device.Resume()
	g.do(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		s.alloc = guestWindow
		g.control = append(g.control, s.header(opCreditUpdate))
	})
	if p, err := io.ReadAll(s); err != nil || len(p) != 1000 {
		t.Errorf("read %d bytes, %v, want 1000", len(p), err)
	}
}

func TestDeactivatingEndsConnections(t *testing.T) {
	host, accepted := answering()
	g := newGuest(t, guestOptions{config: Config{Host: host}})
	c, _ := g.pairUp()
	if _, err := g.connect(9); err != nil {
		t.Fatal(err)
	}
	h := <-accepted
	defer h.Close()
	g.active.Deactivate()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read by the monitor: %v, want ECONNRESET", err)
	}
	if _, err := h.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read by the host: %v, want EOF", err)
	}
	// And another driver begins anew.
	g.stop()
	again := bootGuest(t, g.device, guestOptions{})
	c, s := again.pairUp()
	converse(t, c, s)
}

func TestDialWaitsForADriver(t *testing.T) {
	g := newGuest(t, guestOptions{})
	g.active.Deactivate()
	g.stop()
	ctx, cancel := context.WithCancelCause(context.Background())
	dialed := make(chan error, 2)
	dial := func(ctx context.Context) {
		c, err := g.device.Dial(ctx, 1)
		if err == nil {
			_ = c.Close()
		}
		dialed <- err
	}
	bored := errors.New("bored")
	go dial(ctx)
	cancel(bored)
	if err := <-dialed; !errors.Is(err, bored) {
		t.Errorf("dialing without a driver and patience: %v", err)
	}
	go dial(waitContext(t))
	again := bootGuest(t, g.device, guestOptions{noEvents: true})
	again.listen(1)
	err := <-dialed
	for errors.Is(err, syscall.ECONNREFUSED) { // it was there before listen was
		go dial(waitContext(t))
		err = <-dialed
	}
	if err != nil {
		t.Error(err)
	}
}

func TestClosingEndsWhatWaits(t *testing.T) {
	d, err := New(Config{CID: guestCID})
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Listen(5)
	if err != nil {
		t.Fatal(err)
	}
	ends := make(chan error, 2)
	go func() {
		_, err := d.Dial(waitContext(t), 1)
		ends <- err
	}()
	go func() {
		_, err := l.Accept()
		ends <- err
	}()
	_ = d.Close()
	for range 2 {
		if err := <-ends; !errors.Is(err, devices.ErrClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	}
	if _, err := d.Listen(6); !errors.Is(err, devices.ErrClosed) {
		t.Errorf("listening afterwards: %v", err)
	}
	_ = l.Close()
}

func TestATransportResetEndsConnectionsAndIsTold(t *testing.T) {
	eachRing(t, func(t *testing.T, o guestOptions) {
		g := newGuest(t, o)
		c, s := g.pairUp()
		for i := range 3 {
			g.device.Reset()
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("round %d: read by the monitor: %v, want ECONNRESET", i, err)
			}
			if _, err := s.Read(make([]byte, 1)); err != errReset {
				t.Errorf("round %d: read by the guest: %v", i, err)
			}
			// A new one is not taken for an old one.
			c = g.dial(1)
			s = g.accept(1)
			converse(t, c, s)
		}
	})
}

func TestAResetBeforeActivateIsToldToTheDriver(t *testing.T) {
	for _, noEvents := range []bool{false, true} {
		g := newGuest(t, guestOptions{})
		g.active.Deactivate()
		g.stop()
		g.device.Reset()
		again := bootGuest(t, g.device, guestOptions{noEvents: noEvents})
		if noEvents {
			// Without a buffer nothing is told, and nothing held.
			c, s := again.pairUp()
			exchange(t, c, s, []byte("x"))
			again.do(func() {
				again.event.Add(nil, []int{eventSize})
				again.event.Kick()
			})
		}
		again.eventually("the event", func() bool { return again.events > 0 })
		c, s := again.pairUp()
		converse(t, c, s)
	}
}

func TestAResetWhilePausedIsToldOnResume(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c, _ := g.pairUp()
	g.device.Pause()
	at := g.event.Queue().Position()
	g.device.Reset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read by the monitor: %v, want ECONNRESET", err)
	}
	if got := g.event.Queue().Position(); got != at {
		t.Errorf("the event queue is at %+v, was at %+v", got, at)
	}
	g.device.Resume()
	g.eventually("the event", func() bool { return g.events > 0 })
}

func TestADriverWithoutQueuesIsRefused(t *testing.T) {
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	d, err := New(Config{CID: guestCID})
	if err != nil {
		t.Fatal(err)
	}
	q := virtqtest.New(t, virtqtest.Options{})
	err = d.Activate(&virtio.Activation{Memory: q.Memory.Guest, Queues: []*virtio.Queue{q.Queue(), nil, nil}})
	if !errors.Is(err, errNoQueue) {
		t.Errorf("error is %v", err)
	}
	d.Pause()
	d.Resume()
	d.Deactivate()
}
