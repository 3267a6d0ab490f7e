package virtq_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// The fuzzed memory: small, so that wild addresses hit something now and then.
const (
	fuzzRAM    = 4 * mem.PageSize
	fuzzDesc   = 0x1000
	fuzzDriver = 0x2000
	fuzzDevice = 0x2800
	fuzzTable  = 0x3000
)

func FuzzSplit(f *testing.F) {
	f.Add(seed(0x30, // 8 entries, with event indices and tables
		put(fuzzDesc, 0, 0x30, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 1, 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0),
		put(fuzzDriver, 0, 0, 1, 0, 0, 0), []byte{opNext, opWrite, opDone, opInterrupt, opKicksOn}))
	f.Add(seed(0x31,
		put(fuzzDesc, 0, 0x30, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 4, 0, 0, 0),
		put(fuzzTable, 0, 0x30, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 1, 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0),
		put(fuzzDriver, 0, 0, 2, 0, 0, 0, 0, 0), []byte{opNext, opNext, opUntake, opNext, opDone, opDone, opInterrupt}))
	f.Add(seed(0xb3,
		put(fuzzDesc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0),
		put(fuzzDriver, 0, 0, 1, 0, 0, 0), []byte{opNext}))
	f.Fuzz(func(t *testing.T, input []byte) { fuzz(t, false, input) })
}

func FuzzPacked(f *testing.F) {
	f.Add(seed(0x30,
		put(fuzzDesc, 0, 0x30, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0x81, 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0x82, 0),
		put(fuzzDriver, 0, 0x80, 2, 0), []byte{opNext, opWrite, opDone, opInterrupt, opKicksOn}))
	f.Add(seed(0xb3,
		put(fuzzDesc, 0, 0x30, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 9, 0, 0x84, 0),
		put(fuzzTable, 0, 0x30, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2, 0, 2, 0),
		[]byte{opNext, opDone, opInterrupt, opKicksOn, opKicksOff}))
	f.Add(seed(0x00,
		put(fuzzDesc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0),
		[]byte{opNext, opNext}))
	f.Fuzz(func(t *testing.T, input []byte) { fuzz(t, true, input) })
}

// What the bytes of a fuzzed run mean. Those from opPut on are followed by an
// address, a length and as many bytes to put there.
const (
	opNext = iota
	opDone
	opUntake
	opKicksOn
	opKicksOff
	opInterrupt
	opWrite
	opReady
	opMove
	opPut
)

func put(at uint16, p ...byte) []byte {
	return append([]byte{opPut, byte(at), byte(at >> 8), byte(len(p))}, p...)
}

func seed(setup byte, steps ...[]byte) []byte {
	return append([]byte{setup}, bytes.Join(steps, nil)...)
}

// fuzz lets the driver put any bytes anywhere between what the device does. The
// device must not panic, must not have more under way than the ring holds, and
// must write only where a device may.
func fuzz(t *testing.T, packed bool, input []byte) {
	if len(input) == 0 {
		return
	}
	m, err := mem.New(mem.Options{Size: fuzzRAM, Overcommit: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	setup := input[0]
	f := &fuzzer{
		t: t, m: m,
		l: virtq.Layout{Size: 1 << (setup & 3), Desc: fuzzDesc, Driver: fuzzDriver, Device: fuzzDevice},
		o: virtq.Options{Packed: packed, EventIndex: setup&0x10 != 0, Indirect: setup&0x20 != 0, InOrder: setup&0x80 != 0},

		before: make([]byte, fuzzRAM),
		after:  make([]byte, fuzzRAM),
	}
	if setup&4 != 0 {
		f.l.Size = 5
	}
	q, err := virtq.New(m, f.l, f.o)
	if err != nil {
		if !packed && f.l.Size == 5 {
			return
		}
		t.Fatal(err)
	}
	f.q = q
	rest := input[1:]
	for steps := 0; len(rest) > 0 && steps < 500; steps++ {
		op := rest[0]
		rest = rest[1:]
		if op < opPut {
			f.device(op)
			continue
		}
		if len(rest) < 3 {
			return
		}
		at, n := binary.LittleEndian.Uint16(rest), int(rest[2])
		n = min(n, len(rest)-3)
		_ = m.WriteAt(rest[3:3+n], mem.Addr(at)%fuzzRAM) // or not, at the end
		rest = rest[3+n:]
	}
}

type fuzzer struct {
	t      *testing.T
	m      *mem.Guest
	l      virtq.Layout
	o      virtq.Options
	q      *virtq.Queue
	taken  []*virtq.Chain
	broken error

	before, after []byte // memory
}

func (f *fuzzer) device(op byte) {
	f.read(f.before)
	var err error
	switch op {
	case opNext:
		err = f.next()
	case opDone:
		if len(f.taken) == 0 {
			return
		}
		err = f.q.Done(f.taken[0], 5)
		f.taken = f.taken[1:]
	case opUntake:
		if len(f.taken) == 0 || f.broken != nil {
			return
		}
		f.q.Untake(f.taken[len(f.taken)-1])
		f.taken = f.taken[:len(f.taken)-1]
	case opKicksOn, opKicksOff:
		err = f.q.SetKicks(op == opKicksOn)
	case opInterrupt:
		f.q.InterruptWanted()
	case opReady:
		_, err = f.q.Ready()
	case opWrite:
		f.write()
		return // where the driver said, which may be the ring
	case opMove:
		f.move()
	}
	f.checkError(err)
	f.checkMemory()
}

func (f *fuzzer) next() error {
	c := new(virtq.Chain)
	ok, err := f.q.Next(c)
	if !ok {
		return err
	}
	f.taken = append(f.taken, c)
	if len(f.taken) > int(f.l.Size) {
		f.t.Fatalf("%d chains are under way in a ring of %d", len(f.taken), f.l.Size)
	}
	if len(c.Readable)+len(c.Writable) > 1024 || c.ReadableLen()+c.WritableLen() > 1<<32 {
		f.t.Fatalf("chain of %d and %d ranges, %d and %d bytes", len(c.Readable), len(c.Writable), c.ReadableLen(), c.WritableLen())
	}
	for _, r := range append(append([]mem.Range(nil), c.Readable...), c.Writable...) {
		if r.Len == 0 || uint64(r.Addr)+uint64(r.Len) < uint64(r.Addr) {
			f.t.Fatalf("chain with a range %+v", r)
		}
	}
	return err
}

// write fills what the last chain lets the device write.
func (f *fuzzer) write() {
	if len(f.taken) == 0 {
		return
	}
	c := f.taken[len(f.taken)-1]
	p := bytes.Repeat([]byte{0x5a}, int(min(c.WritableLen(), 100)))
	_, _ = virtq.CopyTo(f.m, p, c.Writable, 0)
	_, _ = virtq.CopyFrom(f.m, p, c.Readable, 3)
}

// move goes on with another queue at the same position.
func (f *fuzzer) move() {
	if len(f.taken) > 0 || f.broken != nil {
		return
	}
	q, err := virtq.New(f.m, f.l, f.o)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := q.Restore(f.q.Position()); err != nil {
		f.t.Fatalf("position %+v: %v", f.q.Position(), err)
	}
	f.q = q
}

// checkError holds errors to what they may be, and the first one to stay.
func (f *fuzzer) checkError(err error) {
	var broken *virtq.BrokenError
	switch {
	case f.broken != nil && err != nil && err != f.broken:
		f.t.Fatalf("error is %v after %v", err, f.broken)
	case err == nil || f.broken != nil:
	case errors.As(err, &broken), errors.Is(err, mem.ErrNotRAM):
		f.broken = err
	default:
		f.t.Fatalf("error is %v", err)
	}
}

func (f *fuzzer) read(p []byte) {
	if err := f.m.ReadAt(p, 0); err != nil {
		f.t.Fatal(err)
	}
}

// checkMemory holds what changed in memory to the areas a device writes.
func (f *fuzzer) checkMemory() {
	f.read(f.after)
	if bytes.Equal(f.before, f.after) {
		return
	}
	n := int(f.l.Size)
	for i := range f.before {
		if f.before[i] == f.after[i] {
			continue
		}
		switch {
		case !f.o.Packed && i >= fuzzDevice && i < fuzzDevice+6+8*n:
		case f.o.Packed && i >= fuzzDevice && i < fuzzDevice+4:
		case f.o.Packed && i >= fuzzDesc && i < fuzzDesc+16*n && i%16 >= 8:
		default:
			f.t.Fatalf("the device changed the byte at %#x", i)
		}
	}
}

// FuzzLayout opens queues anywhere: what is refused is refused with a reason,
// what is not lies in RAM.
func FuzzLayout(f *testing.F) {
	f.Add(uint16(8), uint64(0x1000), uint64(0x2000), uint64(0x2800), false)
	f.Add(uint16(32768), uint64(0), uint64(0), uint64(0), true)
	f.Add(uint16(7), uint64(1)<<63, uint64(fuzzRAM-4), ^uint64(3), true)
	f.Fuzz(func(t *testing.T, size uint16, desc, driver, device uint64, packed bool) {
		m, err := mem.New(mem.Options{Size: fuzzRAM, Overcommit: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		l := virtq.Layout{Size: size, Desc: mem.Addr(desc), Driver: mem.Addr(driver), Device: mem.Addr(device)}
		q, err := virtq.New(m, l, virtq.Options{Packed: packed, EventIndex: true, Indirect: true})
		var broken *virtq.BrokenError
		if err != nil {
			if !errors.As(err, &broken) {
				t.Fatal(err)
			}
			return
		}
		n := uint64(size)
		wantRAM := [][2]uint64{{desc, 16 * n}, {driver, 6 + 2*n}, {device, 6 + 8*n}}
		if packed {
			wantRAM = [][2]uint64{{desc, 16 * n}, {driver, 4}, {device, 4}}
		}
		for _, area := range wantRAM {
			if area[0] >= fuzzRAM || area[0]+area[1] > fuzzRAM {
				t.Fatalf("%+v was taken", l)
			}
		}
		var c virtq.Chain
		_, _ = q.Next(&c)
		_ = q.SetKicks(true)
	})
}
