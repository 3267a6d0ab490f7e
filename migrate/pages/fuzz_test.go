package pages

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/migrate/wire"
)

// played is a connection that has said all it will say.
type played struct {
	in  bytes.Buffer
	out bytes.Buffer
}

func (p *played) Read(b []byte) (int, error)     { return p.in.Read(b) }
func (p *played) Write(b []byte) (int, error)    { return p.out.Write(b) }
func (*played) Close() error                     { return nil }
func (*played) LocalAddr() net.Addr              { return nil }
func (*played) RemoteAddr() net.Addr             { return nil }
func (*played) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (*played) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (*played) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// guarded is memory that knows whose pages may be written.
type guarded struct {
	*slots
	t   *testing.T
	own owner
}

func (g *guarded) WriteAt(p []byte, a mem.Addr) error {
	g.check(a, len(p))
	return g.slots.WriteAt(p, a)
}

func (g *guarded) Zero(a mem.Addr, n uint64) error {
	g.check(a, int(n))
	return g.slots.Zero(a, n)
}

func (g *guarded) check(a mem.Addr, n int) {
	if _, err := g.at(a, n); err != nil || n%PageSize != 0 {
		g.t.Fatalf("%d bytes at %#x: %v", n, uint64(a), err)
	}
	first := uint64(0)
	for _, s := range g.list {
		if a >= s.Base && uint64(a-s.Base) < s.Size {
			first += uint64(a-s.Base) / PageSize
			break
		}
		first += s.Size / PageSize
	}
	for page := first; page < first+uint64(n/PageSize); page++ {
		if page/256%g.own.connections != g.own.connection {
			g.t.Fatalf("page %d was written by connection %d of %d", page, g.own.connection, g.own.connections)
		}
	}
}

// model takes frames the slow and obvious way, page by page. It knows no compression:
// tell says whether it can tell, and ok whether the frame is one.
func model(memory *slots, own owner, epoch uint32, frame []byte) (pages uint64, ok, tell bool) {
	r := bytes.NewReader(frame)
	var h struct {
		Epoch          uint32
		Encoding, Runs uint16
		Size, Zero     uint32
	}
	if binary.Read(r, binary.LittleEndian, &h) != nil || h.Epoch != epoch || h.Zero != 0 || h.Encoding > 2 || h.Runs == 0 || h.Runs > 512 {
		return 0, false, true
	}
	type change struct{ page, from uint64 } // from is where its data is, counted in pages, or none
	const none = 1 << 40
	var changes []change
	last, data := int64(-1), uint64(0)
	for range h.Runs {
		var one struct {
			First       uint64
			Pages, Kind uint32
		}
		if binary.Read(r, binary.LittleEndian, &one) != nil || one.Pages == 0 || one.Pages > 256 || one.Kind > 1 {
			return 0, false, true
		}
		for i := range uint64(one.Pages) {
			page := one.First + i
			if page >= own.pages || int64(page) <= last || page/256%own.connections != own.connection || page/256 != one.First/256 {
				return 0, false, true
			}
			last = int64(page)
			pages++
			if one.Kind == 1 {
				changes = append(changes, change{page, none})
				continue
			}
			changes = append(changes, change{page, data})
			data++
		}
	}
	rest, _ := io.ReadAll(r)
	switch {
	case data > 512 || uint64(h.Size) != data*4096 || len(rest) > int(h.Size) || data == 0 && h.Encoding != 0:
		return 0, false, true
	case h.Encoding != 0:
		return 0, false, false
	case len(rest) != int(h.Size):
		return 0, false, true
	}
	for _, c := range changes {
		clear(memory.page(c.page))
		if c.from != none {
			copy(memory.page(c.page), rest[c.from*4096:])
		}
	}
	return pages, true, true
}

// A script has two bytes for who the connection is, and then steps: a byte for what,
// two for how much, and the bytes.
func script(connection, connections byte, steps ...[]byte) []byte {
	b := []byte{connection, connections - 1}
	for _, s := range steps {
		b = append(b, s[0])
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s)-1))
		b = append(b, s[1:]...)
	}
	return b
}

const (
	sayFrame = iota
	sayEnd   // of the epoch that is under way, with the right counts
	sayEndOf // with the counts of a step
	sayBytes
	says
)

// FuzzReceiver has a source that says anything. Nothing but its own pages is written,
// only whole frames are taken, and no more memory than they may need.
func FuzzReceiver(f *testing.F) {
	step := func(what byte, b []byte) []byte { return append([]byte{what}, b...) }
	one := frameOf(head{epoch: 1, size: PageSize}, []run{{0, 1, false}, {2, 2, true}}, page(3))
	again := frameOf(head{epoch: 2}, []run{{0, 1, true}}, nil)
	data := bytes.Repeat([]byte("text "), 2*PageSize/5+1)[:2*PageSize]
	f.Add(script(0, 1, step(sayFrame, one), step(sayEnd, nil), step(sayFrame, again), step(sayEnd, nil)))
	f.Add(script(0, 2, step(sayFrame, one), step(sayFrame, one), step(sayEndOf, []byte{1, 2, 6})))
	f.Add(script(1, 2, step(sayFrame, one)))
	f.Add(script(1, 3, step(sayFrame, frameOf(head{epoch: 1, encoding: LZ4, size: 2 * PageSize}, []run{{299, 2, false}}, lz4Of(f, data)))))
	f.Add(script(1, 3, step(sayFrame, frameOf(head{epoch: 1, encoding: Zstd, size: 2 * PageSize}, []run{{299, 2, false}}, zstdOf(f, data)))))
	f.Add(script(0, 1, step(sayFrame, frameOf(head{epoch: 1, encoding: Zstd, size: PageSize}, []run{{0, 1, false}}, zstdOf(f, make([]byte, 1<<24))))))
	f.Add(script(0, 8, step(sayBytes, make([]byte, 40))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		n := int(b[1]%8) + 1
		own := owner{connection: uint64(int(b[0]) % n), connections: uint64(n), pages: 900}
		conn := &played{}
		w := wire.New(conn)
		want := slotsOf(300, 600)
		epoch, frames, pages := uint32(1), uint64(0), uint64(0)
		tell := true // whether the model knows what memory is
		good := true // whether all was as it has to be
		for b = b[2:]; len(b) >= 3; {
			what, size := b[0]%says, min(int(binary.LittleEndian.Uint16(b[1:])), len(b)-3)
			part := b[3 : 3+size]
			b = b[3+size:]
			switch what {
			case sayFrame:
				if w.Write(wire.TypeMemory, part) != nil {
					continue // too short for a frame
				}
				if !good || !tell {
					continue
				}
				var listed uint64
				listed, good, tell = model(want, own, epoch, part)
				frames, pages = frames+1, pages+listed
			case sayEnd:
				if w.WriteMessage(wire.EpochEnd{Epoch: epoch, Frames: frames, Pages: pages}) == nil {
					epoch, frames, pages = epoch+1, 0, 0
				}
			case sayEndOf:
				m := wire.EpochEnd{Epoch: epoch}
				if size == 3 {
					m = wire.EpochEnd{Epoch: uint32(part[0]), Frames: uint64(part[1]), Pages: uint64(part[2])}
				}
				if w.WriteMessage(m) != nil {
					continue
				}
				good = good && m.Epoch == epoch && m.Frames == frames && m.Pages == pages
				epoch, frames, pages = epoch+1, 0, 0
			case sayBytes:
				if size > 0 {
					conn.out.Write(part)
					tell = false
				}
			}
		}
		// What the one end wrote, the other reads.
		conn.in.Write(conn.out.Bytes())
		conn.out.Reset()
		got := &guarded{slotsOf(300, 600), t, own}
		conns := make([]net.Conn, n)
		for i := range conns {
			conns[i] = conn
		}
		r, err := NewReceiver(got, conns)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = r.ins[own.connection].receive()
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 32<<20 {
			t.Errorf("%d bytes were taken", taken)
		}
		if !tell {
			return
		}
		if (err == nil) != (good && frames == 0) {
			t.Fatalf("error %v, and the model says %v with %d frames under way", err, good, frames)
		}
		wantSame(t, got.slots, want)
	})
}
