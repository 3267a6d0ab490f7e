package vsock

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

func (g *guest) setDeaf(deaf bool) {
	g.do(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.deaf = deaf
	})
}

// A live snapshot: streams go on where they were saved, and are reset where they
// were loaded, in the middle of bytes to and fro.
func TestStreamsGoOnWhereTheyWereSaved(t *testing.T) {
	eachRing(t, func(t *testing.T, o guestOptions) {
		host, accepted := answering()
		o.config.Host = host
		g := newGuest(t, o)
		c, s := g.pairUp()
		if _, err := g.connect(9); err != nil {
			t.Fatal(err)
		}
		defer (<-accepted).Close()
		done, enough := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for p := randomBytes(20 << 10); ; {
				exchange(t, c, s, p)
				exchange(t, s, c, p)
				select {
				case <-enough:
					return
				default:
				}
			}
		}()
		for range 3 {
			g.device.Pause()
			before := vmstatetest.Bytes(t, g.device)
			again := g.restored(Config{CID: 77})
			if !bytes.Equal(before, vmstatetest.Bytes(t, g.device)) {
				t.Error("saving changed the state")
			}
			g.device.Resume()
			old := again.sock(s)
			again.device.Resume()
			again.eventually("the event", func() bool { return again.events > 0 })
			if _, err := io.Copy(io.Discard, old); err != errReset {
				t.Errorf("read by the guest: %v, want its reset", err)
			}
			// The CID is another one, and everything works.
			c, s := again.pairUp()
			if got := c.RemoteAddr().String(); got != "77:1" {
				t.Errorf("remote address %s", got)
			}
			converse(t, c, s)
		}
		close(enough)
		<-done
		if g.events != 0 {
			t.Error("the guest that was saved was told of a reset")
		}
		converse(t, c, s)
	})
}

// While the device is held nothing moves, whatever there is to do.
func TestADeviceThatIsHeldDoesNothing(t *testing.T) {
	host, accepted := answering()
	g := newGuest(t, guestOptions{config: Config{Host: host}, event: true})
	_, s := g.pairUp()
	g.device.Pause()
	again := g.restored(Config{Host: host})
	positions := func() (p [queues]virtq.Position) {
		for i, q := range again.active.Activation.Queues {
			p[i] = q.Position()
		}
		return p
	}
	before := positions()
	connected := make(chan error, 2)
	go func() {
		_, err := again.connect(9)
		connected <- err
	}()
	go func() {
		c, err := again.device.Dial(waitContext(t), 1)
		if err == nil {
			_ = c.Close()
		}
		connected <- err
	}()
	go func() { _, _ = again.sock(s).Write([]byte("to one that is not there")) }()
	again.eventually("packets in the ring", func() bool { return again.tx.Pending() > 0 })
	for _, q := range again.active.Activation.Queues {
		q.Kick()
	}
	again.device.Pause() // by now the device has seen all there is
	time.Sleep(10 * time.Millisecond)
	if got := positions(); got != before || again.events != 0 {
		t.Errorf("queues at %+v, were at %+v, %d events", got, before, again.events)
	}
	again.device.Resume()
	for range 2 {
		if err := <-connected; err != nil {
			t.Error(err)
		}
	}
	_ = (<-accepted).Close()
	again.device.Pause()
	_ = again.restored(Config{}) // one that ends while it is held
}

// Until the driver has given the event's buffer back nothing is delivered, at
// whatever point the machine is saved again.
func TestAResetThatIsNotDealtWithIsKept(t *testing.T) {
	g := newGuest(t, guestOptions{})
	_, s := g.pairUp()
	g.setDeaf(true)
	for round := range 3 {
		g.device.Pause()
		again := g.restored(Config{})
		vmstatetest.RoundTrip(t, again.device, mustNew(t)) // before the event
		g.stop()
		again.device.Resume()
		// All buffers are there in the first round; then one is with the guest for
		// each round before.
		want := again.event.Queue().Position().Used
		again.eventually("the event to be told", func() bool { return again.event.Interrupt.Count() > 1 })
		if got := again.event.Queue().Position().Used; got != want+1 && got != want {
			t.Fatalf("round %d: %d events at once", round, got-want)
		}
		connected := make(chan error, 1)
		ctx, cancel := context.WithCancel(waitContext(t))
		go func() {
			c, err := again.device.Dial(ctx, 1)
			if err == nil {
				_ = c.Close()
			}
			connected <- err
		}()
		again.wantConnections(1)
		rx := again.rx.Queue().Position()
		if round == 1 {
			// The guest deals with the event of the round before, and not with the
			// one that follows.
			again.do(func() {
				if _, ok := again.event.Poll(); !ok {
					t.Error("there is no event")
				}
				again.event.Add(nil, []int{eventSize})
				again.event.Queue().Kick()
			})
		}
		for range 10 {
			again.do(func() {})
			again.device.whileActive(func(s *session) { s.call(func() {}) })
		}
		if got := again.rx.Queue().Position(); got != rx {
			t.Errorf("round %d: something was delivered before the driver dealt with the reset", round)
		}
		if round == 2 {
			again.setDeaf(false)
			again.eventually("all events", func() bool { return again.events == 2 })
			if err := <-connected; err != nil {
				t.Error(err)
			}
			_ = again.accept(1)
			again.eventually("the old socket to end", func() bool { return again.socks[s.key] == nil })
			c, s := again.pairUp()
			converse(t, c, s)
		}
		cancel()
		if round < 2 {
			<-connected
		}
		g = again
	}
}

func mustNew(t testing.TB) *Device {
	t.Helper()
	d, err := New(Config{CID: guestCID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// A driver that has no event buffer yet works on; what it connected meanwhile
// ends when it is told.
func TestAnEventBufferThatComesLate(t *testing.T) {
	g := newGuest(t, guestOptions{noEvents: true})
	_, s := g.pairUp()
	g.device.Pause()
	again := g.restored(Config{})
	again.device.Resume()
	// Packets of connections of the past are answered with RST.
	if _, err := again.sock(s).Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	again.eventually("a reset", func() bool { return again.socks[s.key] == nil })
	c, s := again.pairUp()
	exchange(t, c, s, []byte("meanwhile"))
	again.do(func() {
		again.event.Add(nil, []int{eventSize})
		again.event.Kick()
	})
	again.eventually("the event", func() bool { return again.events > 0 })
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read by the monitor: %v, want ECONNRESET", err)
	}
	if _, err := s.Read(make([]byte, 1)); err != errReset {
		t.Errorf("read by the guest: %v, want its reset", err)
	}
	c, s = again.pairUp()
	converse(t, c, s)
}

// Whoever waits in the guest for an answer of the past gets one, and so does who
// asked and was not heard yet.
func TestConnectionsWithoutAnAnswerAreRefused(t *testing.T) {
	release := make(chan struct{})
	silent := hostFunc(func(ctx context.Context, _ uint32) (Socket, error) {
		select {
		case <-ctx.Done():
		case <-release:
		}
		return nil, syscall.ECONNREFUSED
	})
	g := newGuest(t, guestOptions{config: Config{Host: silent}})
	t.Cleanup(func() { close(release) })
	go func() { _, _ = g.connect(5) }()
	g.eventually("the connection", func() bool { return g.device.Stats().Connections == 1 })
	g.device.Pause()
	go func() { _, _ = g.connect(6) }()
	g.eventually("a packet in the ring", func() bool { return g.port == 1025 && len(g.control) == 0 })
	host, accepted := answering()
	again := g.restored(Config{Host: host})
	again.device.Resume()
	again.eventually("answers", func() bool {
		connected := again.socks[key{6, 1025}]
		return again.socks[key{5, 1024}] == nil && connected != nil && connected.state == sockConnected
	})
	_ = (<-accepted).Close()
}

// Packets with the CID of the machine that was saved are dropped.
func TestPacketsWithTheOldCIDAreDropped(t *testing.T) {
	g := newGuest(t, guestOptions{})
	_, s := g.pairUp()
	g.device.Pause()
	g.do(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.control = append(g.control, s.header(opCreditRequest))
	})
	again := g.restored(Config{CID: 1000})
	again.device.Resume()
	again.eventually("the packet to be dropped", func() bool { return again.device.Stats().Dropped == 1 })
	if n := again.device.Stats().Refused; n != 0 || again.cid != 1000 {
		t.Errorf("%d refused, CID %d", n, again.cid)
	}
}

func TestStatesThatCannotBeLoadedAreRefused(t *testing.T) {
	for want, s := range map[string]driverState{
		"0 event buffers":            {Told: true},
		"3 event buffers":            {Given: 3},
		"17 event buffers":           {Told: true, Given: 17},
		"not in order":               {Unanswered: []connection{{Host: 1, Guest: 2}, {Host: 1, Guest: 2}}},
		"65537 connections without ": {Unanswered: make([]connection, maxUnanswered+1)},
	} {
		all := vmstate.New()
		if err := all.Out("x").Put(stateVersion, state{Driver: &s}); err != nil {
			t.Fatal(err)
		}
		if err := mustNew(t).Load(all.In("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one of %q", err, want)
		}
	}
}

func TestADeviceThatRunsIsNeitherSavedNorLoaded(t *testing.T) {
	g := newGuest(t, guestOptions{})
	if err := g.device.Save(vmstate.New().Out("x")); err == nil {
		t.Error("saved")
	}
	g.device.Pause()
	if err := vmstatetest.Load(g.device, vmstatetest.Bytes(t, g.device)); err == nil {
		t.Error("loaded")
	}
}

// loadedDevice is one that has loaded a driver's state of every kind.
func loadedDevice(s *driverState) *Device {
	return &Device{loaded: s}
}

var goldenDriver = driverState{
	Told: true, Given: 8,
	Unanswered: []connection{{Host: 5, Guest: 1024}, {Host: 1 << 30, Guest: 52}},
}

func TestGoldenStates(t *testing.T) {
	vmstatetest.Golden(t, "v1-driver", false, loadedDevice(&goldenDriver), mustNew(t))
	vmstatetest.Golden(t, "v1-none", false, loadedDevice(nil), mustNew(t))
}

func FuzzLoad(f *testing.F) {
	fresh := func() vmstate.Keeper { return loadedDevice(nil) }
	vmstatetest.Fuzz(f, fresh, loadedDevice(&goldenDriver), loadedDevice(nil))
}

var _ vmstate.Keeper = (*Device)(nil)
