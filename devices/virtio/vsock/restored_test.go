package vsock

import (
	"slices"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// restored is the guest in another machine that was made of this one, whose device
// is paused: it has all the sockets, and its device is held.
func (g *guest) restored(c Config) *guest {
	g.t.Helper()
	if c.CID == 0 {
		c.CID = guestCID
	}
	d, err := New(c)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = d.Close() })
	if err := vmstatetest.Load(d, vmstatetest.Bytes(g.t, g.device)); err != nil {
		g.t.Fatal(err)
	}
	again := blankGuest(g.t, d)
	g.do(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		memory := g.rx.Memory.Copy(g.t)
		again.rx, again.tx, again.event = g.rx.Move(g.t, memory), g.tx.Move(g.t, memory), g.event.Move(g.t, memory)
		again.control, again.port, again.cid, again.deaf = slices.Clone(g.control), g.port, g.cid, g.deaf
		for _, s := range g.socks {
			again.copySock(s)
		}
		for _, s := range g.ring {
			again.ring = append(again.ring, again.copySock(s))
		}
		for port, list := range g.listens {
			again.listens[port] = []*sock{}
			for _, s := range list {
				again.listens[port] = append(again.listens[port], again.copySock(s))
			}
		}
	})
	for _, q := range []*virtqtest.Driver{again.rx, again.tx, again.event} {
		q.Interrupt.Raise() // as the transport does once after a load
	}
	again.active = virtqtest.ActivateHeld(g.t, d, FeatureStream, again.rx, again.tx, again.event)
	go again.run()
	g.t.Cleanup(again.stop)
	return again
}

// copySock is the socket that s is in another guest.
func (g *guest) copySock(s *sock) *sock {
	if c := g.socks[s.key]; c != nil {
		return c
	}
	c := g.newSock(s.key)
	c.state, c.err, c.alloc, c.peak = s.state, s.err, s.alloc, s.peak
	c.in, c.rxCount, c.fwd, c.fwdTold = slices.Clone(s.in), s.rxCount, s.fwd, s.fwdTold
	c.out, c.inRing, c.txCount = slices.Clone(s.out), s.inRing, s.txCount
	c.peerAlloc, c.peerFwd, c.peerShut, c.shut, c.shutWanted = s.peerAlloc, s.peerFwd, s.peerShut, s.shut, s.shutWanted
	return c
}

// sock is the socket that s of another guest is here.
func (g *guest) sock(s *sock) *sock {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.socks[s.key]
}
