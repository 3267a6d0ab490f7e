package vsock

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// eachRing runs a test with the ring features that change when sides notify.
func eachRing(t *testing.T, f func(t *testing.T, o guestOptions)) {
	for name, o := range map[string]guestOptions{
		"split":                     {},
		"split, event index":        {event: true},
		"split, indirect":           {event: true, indirect: true},
		"split, in order":           {event: true, indirect: true, inOrder: true},
		"split, two entries":        {rxSize: 2, txSize: 2, indirect: true},
		"packed":                    {packed: true},
		"packed, event index":       {packed: true, event: true},
		"packed, indirect in order": {packed: true, event: true, indirect: true, inOrder: true},
	} {
		t.Run(name, func(t *testing.T) { f(t, o) })
	}
}

func TestTheMonitorTalksToAGuest(t *testing.T) {
	eachRing(t, func(t *testing.T, o guestOptions) {
		g := newGuest(t, o)
		c, s := g.pairUp()
		if got, want := c.RemoteAddr().String(), "42:1"; got != want {
			t.Errorf("remote address is %s, want %s", got, want)
		}
		if got, want := c.LocalAddr().String(), fmt.Sprintf("2:%d", s.host); got != want {
			t.Errorf("local address is %s, the guest sees %s", got, want)
		}
		converse(t, c, s)
		_ = c.Close()
		g.wantConnections(0)
	})
}

func TestAGuestTalksToTheMonitor(t *testing.T) {
	eachRing(t, func(t *testing.T, o guestOptions) {
		g := newGuest(t, o)
		l, err := g.device.Listen(52)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		s, err := g.connect(52)
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		converse(t, c, s)
		s.close()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read after the guest closed: %v, want EOF", err)
		}
		g.wantConnections(0)
	})
}

func TestAGuestTalksToAHost(t *testing.T) {
	eachRing(t, func(t *testing.T, o guestOptions) {
		var accepted chan *net.UnixConn
		o.config.Host, accepted = answering()
		g := newGuest(t, o)
		s, err := g.connect(99)
		if err != nil {
			t.Fatal(err)
		}
		c := <-accepted
		defer c.Close()
		converse(t, c, s)
		s.close()
		g.wantConnections(0)
	})
}

// converse sends words to and fro, then long texts in both directions at once.
func converse(t *testing.T, c net.Conn, s *sock) {
	t.Helper()
	for i := range 20 {
		exchange(t, c, s, []byte{byte(i), 1, 2})
		exchange(t, s, c, []byte{byte(i)})
	}
	long := randomBytes(1 << 20)
	var both sync.WaitGroup
	for _, way := range [][2]io.ReadWriter{{c, s}, {s, c}} {
		both.Go(func() {
			if _, err := way[0].Write(long); err != nil {
				t.Errorf("write: %v", err)
			}
		})
		both.Go(func() {
			got := make([]byte, len(long))
			if _, err := io.ReadFull(way[1], got); err != nil || !bytes.Equal(got, long) {
				t.Errorf("read of what was written: %v, equal %v", err, bytes.Equal(got, long))
			}
		})
	}
	both.Wait()
}

func exchange(t *testing.T, from io.Writer, to io.Reader, p []byte) {
	t.Helper()
	if _, err := from.Write(p); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(p))
	if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, p) {
		t.Fatalf("read %x, %v, want %x", got, err, p)
	}
}

func randomBytes(n int) []byte {
	var seed [32]byte
	seed[0] = byte(rand.Uint32())
	p := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(p)
	return p
}

func TestAThousandStreams(t *testing.T) {
	const streams, size = 1000, 20_000
	host, accepted := answering()
	g := newGuest(t, guestOptions{config: Config{Host: host}, event: true})
	g.listen(1)
	goroutines := runtime.NumGoroutine()
	type result struct {
		where string
		err   error
	}
	results := make(chan result, 4*streams)
	send := func(where string, w io.Writer, end func()) {
		p := randomBytes(size)
		sum := sha256.Sum256(p)
		_, err := w.Write(append(p, sum[:]...))
		end()
		results <- result{where, err}
	}
	check := func(where string, r io.Reader) {
		p, err := io.ReadAll(r)
		if n := len(p) - sha256.Size; err == nil {
			if n != size {
				err = fmt.Errorf("%d bytes", n)
			} else if sum := sha256.Sum256(p[:n]); !bytes.Equal(sum[:], p[n:]) {
				err = errors.New("wrong bytes")
			}
		}
		results <- result{where, err}
	}
	type halfCloser interface {
		net.Conn
		CloseWrite() error
	}
	join := func(c halfCloser, s *sock) {
		go send("host writes", c, func() { _ = c.CloseWrite() })
		go send("guest writes", s, func() { s.shutdown(shutSend) })
		go check("host reads", c)
		go check("guest reads", s)
	}
	var ends []func()
	dialed := make(map[uint32]*Conn)
	for range streams / 2 {
		c := g.dial(1).(*Conn)
		dialed[c.local.Port] = c
	}
	for i := range uint32(streams / 2) {
		a := g.accept(1)
		ends = append(ends, func() { join(dialed[a.host], a) })
		s, err := g.connect(5000 + i)
		if err != nil {
			t.Fatal(err)
		}
		c := <-accepted
		t.Cleanup(func() { _ = c.Close() })
		ends = append(ends, func() { join(c, s) })
	}
	if n := g.device.Stats().Connections; n != streams {
		t.Errorf("%d connections, want %d", n, streams)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 10 {
		t.Errorf("%d goroutines more for connections at rest", n)
	}
	for _, begin := range ends {
		begin()
	}
	for range 4 * streams {
		if r := <-results; r.err != nil {
			t.Fatalf("%s: %v", r.where, r.err)
		}
	}
}

func TestAPortWhereNobodyListensRefuses(t *testing.T) {
	g := newGuest(t, guestOptions{config: Config{Host: refusing}})
	if _, err := g.device.Dial(waitContext(t), 7); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialing a guest where nobody listens: %v", err)
	}
	if _, err := g.connect(7); err != syscall.ECONNREFUSED {
		t.Errorf("connecting to a host where nobody listens: %v", err)
	}
	g.wantConnections(0)
}

// A buffer may be in as many pieces as a chain has.
func TestBuffersInManyPieces(t *testing.T) {
	w := newWire(t, Config{})
	l, err := w.device.Listen(9)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.buffers(1, rxBufferSize)
	w.send(packet(opRequest), nil)
	w.wants(opResponse)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text := randomBytes(3000)
	if _, err := c.Write(text); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for size := 1; len(got) < len(text); size = size%7 + 1 {
		pieces := make([]int, 100)
		for i := range pieces {
			pieces[i] = size
		}
		w.rx.Add(nil, pieces)
		w.rx.Kick()
		p := w.rx.Wait(t).Bytes()
		h := parseHeader((*[headerSize]byte)(p))
		if h.op != opRW || int(h.len) != len(p)-headerSize {
			t.Fatalf("%d bytes came, header %+v", len(p), h)
		}
		got = append(got, p[headerSize:]...)
	}
	if !bytes.Equal(got, text) {
		t.Error("other bytes came")
	}
	var packet [][]byte
	h := header{
		srcCID: guestCID, dstCID: HostCID, srcPort: 7, dstPort: 9, typ: typeStream, op: opRW,
		len: 50, bufAlloc: guestWindow, fwdCnt: uint32(len(text)),
	}
	for _, b := range append(h.bytes(), text[:50]...) {
		packet = append(packet, []byte{b})
	}
	w.tx.Add(packet, nil)
	w.tx.Kick()
	if p := hostReads(t, c, 50); !bytes.Equal(p, text[:50]) {
		t.Error("other bytes came back")
	}
}
