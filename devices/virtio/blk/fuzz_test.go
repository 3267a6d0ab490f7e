package blk

import (
	"testing"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// fuzzMemory is the guest's memory, in bytes: small, so that all of it can be
// looked at after each step.
const fuzzMemory = 64 << 10

// maxPending bounds the requests under way, so that ring and memory have room.
const maxPending = 4

// script hands out a fuzzer's bytes; what is past the end is 0.
type script []byte

func (s *script) byte() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

func (s *script) word() uint64 { return uint64(s.byte())<<8 | uint64(s.byte()) }

// sector is near the start or the end of the disk, or of the number line.
func (s *script) sector() uint64 {
	v := s.word()
	switch v >> 14 {
	case 0:
		return -(v & 0xff)
	case 1:
		return 1<<55 + v&0xff
	}
	return v & 0x3f
}

// fuzzed is a device with its queue, served when the script says so.
type fuzzed struct {
	t      *testing.T
	disk   *ram
	device *Device
	driver *virtqtest.Driver
	queue  *queue
	broken error

	before   []byte // memory as of the last look
	writable []bool // the bytes that the device may write
	wild     bool   // the ring may have been tampered with: the driver cannot read it
}

func newFuzzed(t *testing.T, flags byte) *fuzzed {
	guest, err := mem.New(mem.Options{Size: fuzzMemory, Overcommit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guest.Close() })
	f := &fuzzed{t: t, disk: newRAM(32 * sectorSize), before: make([]byte, fuzzMemory)}
	readOnly := flags&1 != 0
	f.disk.hook = func(what string) error {
		if readOnly && what[:4] != "read" {
			t.Fatalf("a read-only disk is asked for %s", what)
		}
		return nil
	}
	f.driver = virtqtest.New(t, virtqtest.Options{Size: 16, Memory: virtqtest.WrapMemory(guest), Indirect: flags&2 != 0, EventIndex: flags&4 != 0})
	f.device = newDevice(t, Config{Backend: sometimes(f.disk), QueueSize: 16, ReadOnly: readOnly, Serial: "fuzz"})
	a := &virtio.Activation{
		Memory: guest, Queues: []*virtio.Queue{f.driver.Queue()}, ConfigChanged: func() {},
		Broken: func(err error) { f.broken = err },
	}
	if flags&8 == 0 {
		a.Features = allFeatures
	}
	act := &activation{Activation: a, device: f.device}
	f.queue = &queue{activation: act, ring: f.driver.Queue(), stop: make(chan struct{})}
	return f
}

// serve lets the device do what there is, and looks at what it wrote.
func (f *fuzzed) serve() {
	f.writable = make([]bool, fuzzMemory)
	l := f.driver.Layout()
	f.allow(l.Device, 6+8*uint32(l.Size))
	for i := range l.Size {
		f.allowDescriptor(f.driver.Split().Descriptor(i))
	}
	steady := f.steady()
	if err := f.driver.Memory.ReadAt(f.before, 0); err != nil {
		f.t.Fatal(err)
	}
	if err := f.queue.serve(); err != nil {
		f.queue.fail(err)
	}
	f.queue.waiting.Wait()
	now := make([]byte, fuzzMemory)
	if err := f.driver.Memory.ReadAt(now, 0); err != nil {
		f.t.Fatal(err)
	}
	for i := range now {
		if steady && now[i] != f.before[i] && !f.writable[i] {
			f.t.Fatalf("the device wrote %#x, which it was not given", i)
		}
	}
}

// steady reports whether nothing that the device may write says what it may
// write next.
func (f *fuzzed) steady() bool {
	l := f.driver.Layout()
	given := func(at mem.Addr, n uint32) bool {
		for i := uint64(at); i < min(uint64(at)+uint64(n), fuzzMemory); i++ {
			if f.writable[i] {
				return true
			}
		}
		return false
	}
	if given(l.Desc, 16*uint32(l.Size)) {
		return false
	}
	for i := range l.Size {
		if d := f.driver.Split().Descriptor(i); d.Flags&virtqtest.FlagIndirect != 0 && given(d.Addr, d.Len) {
			return false
		}
	}
	return true
}

// allowDescriptor allows what a descriptor, in use or not, lets be written.
func (f *fuzzed) allowDescriptor(d virtqtest.SplitDescriptor) {
	if d.Flags&virtqtest.FlagIndirect == 0 {
		if d.Flags&virtqtest.FlagWrite != 0 {
			f.allow(d.Addr, d.Len)
		}
		return
	}
	for at := d.Addr; at < d.Addr+mem.Addr(min(d.Len, fuzzMemory)); at += 16 {
		addr, err1 := f.driver.Memory.Uint64(at)
		length, err2 := f.driver.Memory.Uint32(at + 8)
		flags, err3 := f.driver.Memory.Uint16(at + 12)
		if err1 == nil && err2 == nil && err3 == nil && flags&virtqtest.FlagWrite != 0 {
			f.allow(mem.Addr(addr), length)
		}
	}
}

func (f *fuzzed) allow(at mem.Addr, n uint32) {
	for i := uint64(at); i < min(uint64(at)+uint64(n), fuzzMemory); i++ {
		f.writable[i] = true
	}
}

// request adds a request that is nearly well formed.
func (f *fuzzed) request(s *script) {
	kinds := []kind{kindIn, kindOut, kindFlush, kindGetID, kindDiscard, kindWriteZeroes, 2, 10}
	choice := s.byte()
	k := kinds[choice%8]
	p := header(k, s.sector())
	room := 1
	switch n := int(s.byte()%6) * 256; k {
	case kindIn, kindGetID:
		room += n
	case kindDiscard, kindWriteZeroes:
		for range n/256 + 1 {
			p = append(p, part(s.sector(), uint32(s.word()), uint32(s.byte()%3))...)
		}
	default:
		p = append(p, pattern(n, choice)...)
	}
	if choice&0x80 != 0 {
		p = p[:min(int(s.word()), len(p))]
	}
	at := min(int(s.byte()), len(p))
	split := int(s.byte()) % (room + 1)
	if f.driver.Pending() < maxPending {
		f.driver.TryAdd([][]byte{p[:at], p[at:]}, []int{split, room - split})
	}
}

// buffers adds a request of buffers that lie anywhere.
func (f *fuzzed) buffers(s *script) {
	var b []virtqtest.Buffer
	for range 1 + s.byte()%4 {
		v := s.byte()
		one := virtqtest.Buffer{Addr: mem.Addr(s.word()), Len: uint32(s.word()) >> (v & 7), Write: v&8 != 0}
		switch v >> 6 {
		case 2:
			one.Addr += 1 << 32
		case 3:
			one.Addr = -one.Addr
		}
		b = append(b, one)
	}
	if f.driver.Pending() < maxPending {
		f.driver.AddBuffers(b...)
		f.wild = true // they may lie in the ring
	}
}

// FuzzDevice does what a driver may do, and what it must not. The device must
// not panic, write what it was not given, or ask the disk for what is not there.
func FuzzDevice(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0x80, 1, 2, 16, 1, 4, 0, 1, 0x80, 1, 2, 16, 0, 4})
	f.Add([]byte{3, 0, 1, 0x80, 1, 2, 16, 1, 4, 0, 5, 0x80, 1, 0, 0x80, 2, 0, 1, 1, 16, 0, 4})
	f.Add([]byte{6, 0, 4, 0x80, 1, 2, 0x80, 2, 0, 9, 0, 0, 1, 0, 9, 2, 2, 0, 1, 16, 0, 4, 2, 32, 1, 0, 3, 0, 16, 4})
	f.Add([]byte{4, 1, 2, 0x08, 0x20, 0, 0x10, 0, 0, 0, 16, 0xc8, 0, 1, 0, 2, 4, 3, 0, 200, 4, 5, 1, 255, 4})
	f.Add([]byte{16, 0, 3, 0x80, 1, 2, 16, 1, 0, 0x82, 1, 1, 1, 0, 9, 4, 6, 4})
	f.Fuzz(func(t *testing.T, input []byte) {
		s := script(input)
		z := newFuzzed(t, s.byte())
		for steps := 0; len(s) > 0 && steps < 64; steps++ {
			switch s.byte() % 7 {
			case 0:
				z.request(&s)
			case 1:
				z.buffers(&s)
			case 2:
				off := s.word() - 8
				z.device.WriteConfig(off, []byte{s.byte(), s.byte(), s.byte(), s.byte()})
				z.device.ReadConfig(s.word()%80, make([]byte, s.byte()))
			case 3:
				// Anything in guest memory, rings and tables too.
				z.wild = true
				at := mem.Addr(s.word())
				_ = z.driver.Memory.WriteAt([]byte{s.byte(), s.byte()}, at)
			case 4:
				z.serve()
			case 5:
				z.disk.mu.Lock()
				z.disk.content = append(z.disk.content[:0:0], make([]byte, int(s.byte()%40)*sectorSize)...)
				z.disk.durable = make([]byte, len(z.disk.content))
				z.disk.mu.Unlock()
				z.device.Resize()
			case 6:
				for !z.wild {
					if _, ok := z.driver.Poll(); !ok {
						break
					}
				}
			}
		}
		z.serve()
	})
}
