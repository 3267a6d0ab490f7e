package twohosts

import (
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"
)

// Pings send a datagram to a guest each millisecond, and note when it comes back: the
// longest gap between two that did is how long the guest was away for others.
type Pings struct {
	conn net.Conn
	stop chan struct{}
	work sync.WaitGroup

	mu   sync.Mutex
	back int
	at   time.Time
	gap  time.Duration
}

const pingEvery = time.Millisecond

// Ping begins to ping a port of the guest from outside.
func (n *Network) Ping(port int) (*Pings, error) {
	c, err := n.Outside.Dial("udp4", net.JoinHostPort(GuestAddress, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	p := &Pings{conn: c, stop: make(chan struct{})}
	p.work.Go(p.send)
	p.work.Go(p.receive)
	return p, nil
}

func (p *Pings) send() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for n := uint64(1); ; n++ {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			_, _ = p.conn.Write(binary.LittleEndian.AppendUint64(nil, n)) // it may be refused while nobody is there
		}
	}
}

func (p *Pings) receive() {
	b := make([]byte, 64)
	for {
		n, err := p.conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != 8 {
			continue
		}
		now := time.Now()
		p.mu.Lock()
		if p.back > 0 {
			p.gap = max(p.gap, now.Sub(p.at))
		}
		p.back++
		p.at = now
		p.mu.Unlock()
	}
}

// Back is how many have come back so far.
func (p *Pings) Back() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.back
}

// End stops, and returns how many came back, and the longest gap between two.
func (p *Pings) End() (back int, gap time.Duration) {
	close(p.stop)
	p.conn.Close()
	p.work.Wait()
	return p.back, p.gap
}
