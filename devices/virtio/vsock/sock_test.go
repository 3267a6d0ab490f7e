package vsock

import (
	"io"
	"sync"
	"syscall"
)

type sockState int

const (
	sockConnecting sockState = iota
	sockConnected
	sockClosed
)

const guestWindow = 64 << 10

// sock is a socket of the guest's. Everything in it is guarded by guest.mu.
type sock struct {
	g *guest
	key
	state   sockState
	err     error
	changed sync.Cond

	alloc            uint32 // our window
	in               []byte
	rxCount, fwd     uint32
	fwdTold          uint32
	out              []byte
	inRing           bool
	txCount          uint32
	peerAlloc        uint32
	peerFwd          uint32
	peerShut         uint32
	shut, shutWanted uint32
	peak             int // the most that in was
}

func (g *guest) newSock(k key) *sock {
	s := &sock{g: g, key: k, alloc: guestWindow}
	s.changed.L = &g.mu
	g.socks[k] = s
	return s
}

// connect connects to a port of the host's.
func (g *guest) connect(port uint32) (*sock, error) {
	return g.connectWindow(port, guestWindow)
}

func (g *guest) connectWindow(port, window uint32) (*sock, error) {
	var s *sock
	g.do(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.port++
		s = g.newSock(key{host: port, guest: g.port})
		s.alloc = window
		g.control = append(g.control, s.header(opRequest))
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wait(&s.changed, "an answer", func() bool { return s.state != sockConnecting })
	if s.state == sockConnected {
		return s, nil
	}
	return nil, s.err
}

// listen accepts connections to a port.
func (g *guest) listen(port uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listens[port] == nil {
		g.listens[port] = []*sock{}
	}
}

// accept waits for a connection; it is nil where the guest is stopped.
func (g *guest) accept(port uint32) *sock {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wait(&g.changed, "a connection", func() bool { return len(g.listens[port]) > 0 || g.stopped })
	if g.stopped {
		return nil
	}
	s := g.listens[port][0]
	g.listens[port] = g.listens[port][1:]
	return s
}

// packet takes a packet. guest.mu is held.
func (g *guest) packet(h header, data []byte) {
	k := key{host: h.srcPort, guest: h.dstPort}
	s := g.socks[k]
	if s == nil {
		if _, ok := g.listens[h.dstPort]; ok && h.op == opRequest {
			s = g.newSock(k)
			s.state = sockConnected
			s.update(h)
			g.control = append(g.control, s.header(opResponse))
			g.listens[h.dstPort] = append(g.listens[h.dstPort], s)
			g.changed.Broadcast()
			return
		}
		g.strays = append(g.strays, h)
		if h.op != opRst {
			g.control = append(g.control, h.reset())
		}
		return
	}
	defer s.changed.Broadcast()
	s.update(h)
	switch h.op {
	case opResponse:
		s.state = sockConnected
	case opRst:
		err := error(syscall.ECONNRESET)
		if s.state == sockConnecting {
			err = syscall.ECONNREFUSED
		}
		s.end(err)
	case opShutdown:
		s.peerShut |= h.flags
		if s.peerShut == shutBoth && len(s.in) == 0 {
			g.control = append(g.control, s.header(opRst))
			s.end(nil)
		}
	case opRW:
		s.rxCount += uint32(len(data))
		s.in = append(s.in, data...)
		s.peak = max(s.peak, len(s.in))
		if s.rxCount-s.fwd > s.alloc {
			g.t.Errorf("port %d: the device sent %d bytes more than there was credit for", s.host, s.rxCount-s.fwd-s.alloc)
		}
	case opCreditRequest:
		g.asked++
		g.control = append(g.control, s.header(opCreditUpdate))
	case opCreditUpdate:
	default:
		g.t.Errorf("the device sent %+v", h)
	}
}

func (s *sock) update(h header) { s.peerAlloc, s.peerFwd = h.bufAlloc, h.fwdCnt }

func (s *sock) credit() uint32 {
	if n := s.txCount - s.peerFwd; n < s.peerAlloc {
		return s.peerAlloc - n
	}
	return 0
}

func (s *sock) header(op uint16) header {
	s.fwdTold = s.fwd
	return header{
		srcCID: s.g.cid, dstCID: HostCID, srcPort: s.guest, dstPort: s.host,
		typ: typeStream, op: op, bufAlloc: s.alloc, fwdCnt: s.fwd,
	}
}

// end takes a socket out of the table.
func (s *sock) end(err error) {
	if s.g.socks[s.key] == s {
		delete(s.g.socks, s.key)
	}
	s.state, s.err = sockClosed, err
	s.out = nil
	s.changed.Broadcast()
}

// Read reads; io.EOF where the host shut down, or a clean end came.
func (s *sock) Read(p []byte) (int, error) {
	g := s.g
	g.mu.Lock()
	g.wait(&s.changed, "data", func() bool {
		return len(s.in) > 0 || s.state == sockClosed || s.peerShut&shutSend != 0
	})
	if len(s.in) == 0 {
		defer g.mu.Unlock()
		if s.err != nil && s.peerShut&shutSend == 0 {
			return 0, s.err
		}
		return 0, io.EOF
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	s.fwd += uint32(n)
	tell := s.fwd-s.fwdTold >= s.alloc/4 && s.state == sockConnected
	g.mu.Unlock()
	if tell {
		g.do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.control = append(g.control, s.header(opCreditUpdate))
		})
	}
	return n, nil
}

// Write returns when all of p is in the device's hands.
func (s *sock) Write(p []byte) (int, error) {
	g := s.g
	for off := 0; off < len(p); {
		n := min(len(p)-off, 256<<10)
		g.do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			s.out = append(s.out, p[off:off+n]...)
			if !s.inRing {
				s.inRing = true
				g.ring = append(g.ring, s)
			}
		})
		g.mu.Lock()
		g.wait(&s.changed, "credit", func() bool {
			return len(s.out) == 0 || s.state == sockClosed || s.peerShut&shutReceive != 0
		})
		left := len(s.out)
		broken := s.state == sockClosed || s.peerShut&shutReceive != 0
		if left > 0 {
			s.out = nil
		}
		g.mu.Unlock()
		if left > 0 || broken {
			return off + n - left, syscall.EPIPE
		}
		off += n
	}
	return len(p), nil
}

// shutdown says what will not be done any more, behind the data.
func (s *sock) shutdown(flags uint32) {
	s.g.do(func() {
		s.g.mu.Lock()
		defer s.g.mu.Unlock()
		s.shutWanted |= flags
		if len(s.out) == 0 {
			s.finishSend()
		}
	})
}

// close does what a Linux guest does when a process closes its socket.
func (s *sock) close() {
	s.g.mu.Lock()
	if s.peerShut == shutBoth {
		s.g.mu.Unlock()
		s.rst()
		return
	}
	s.g.mu.Unlock()
	s.shutdown(shutBoth)
}

func (s *sock) rst() {
	s.g.do(func() {
		s.g.mu.Lock()
		defer s.g.mu.Unlock()
		if s.state == sockConnected {
			s.g.control = append(s.g.control, s.header(opRst))
			s.end(syscall.ECONNRESET)
		}
	})
}

// finishSend sends the SHUTDOWN that waited for data. guest.mu is held.
func (s *sock) finishSend() {
	if s.shutWanted&^s.shut != 0 && s.state == sockConnected {
		s.shut = s.shutWanted
		h := s.header(opShutdown)
		h.flags = s.shut
		s.g.control = append(s.g.control, h)
	}
}
