package balloon

import (
	"bytes"
	"testing"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// FuzzDevice inflates, reports and writes configuration as its input says, and
// holds what becomes of memory against a list of pages that the guest named.
func FuzzDevice(f *testing.F) {
	f.Add([]byte{0, 3, 8, 0, 9, 0, 10, 0})
	f.Add([]byte{1, 2, 0x80, 0, 0x20, 0, 0xff, 0xff, 0xff, 0xff, 2, 12, 4, 1, 1, 1, 1, 1, 0x80, 0, 0x20, 0})
	f.Add([]byte{0, 200, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 9})
	f.Fuzz(func(t *testing.T, input []byte) {
		const pages = 32 // the driver's are below, the ring's and the buffers'
		const first = 16
		guest, err := mem.New(mem.Options{Size: pages * pageSize, Overcommit: true})
		if err != nil {
			t.Fatal(err)
		}
		defer guest.Close()
		if err := guest.WriteAt(bytes.Repeat([]byte{1}, (pages-first)*pageSize), first*pageSize); err != nil {
			t.Fatal(err)
		}
		given := make([]bool, pages)
		device := newBalloon(t, Config{Reporting: true})
		act := &activation{Activation: &virtio.Activation{Memory: guest, Features: FeaturePagePoison | FeatureReporting}, device: device}
		d := virtqtest.New(t, virtqtest.Options{Memory: virtqtest.WrapMemory(guest)})
		var list pageList
		serve := func(handle func(*virtq.Chain)) {
			q := &queue{activation: act, ring: d.Queue(), handle: handle}
			if err := q.serve(); err != nil {
				t.Fatal(err)
			}
			if _, ok := d.Poll(); !ok {
				t.Fatal("a request was not answered")
			}
		}
		byte1 := func() (b byte) {
			if len(input) > 0 {
				b, input = input[0], input[1:]
			}
			return b
		}
		for steps := 0; len(input) > 0 && steps < 50; steps++ {
			op, n := byte1()%3, int(byte1())
			switch op {
			case 0:
				var buffer []byte
				for range n % 40 {
					page := uint32(byte1())%64 | uint32(byte1()&0xf0)<<24
					if page < first {
						page += first
					}
					if page < pages {
						given[page] = true
					}
					buffer = append(buffer, pfns(page)...)
				}
				cut := n % (len(buffer) + 1)
				rest := buffer[:n%4%(len(buffer)+1)] // part of a number
				d.Add([][]byte{buffer[:cut], buffer[cut:], rest}, nil)
				serve(func(c *virtq.Chain) { act.inflate(c, &list) })
			case 1:
				var buffers []virtqtest.Buffer
				for range 1 + n%4 {
					b := virtqtest.Buffer{
						Addr: first*pageSize + mem.Addr(byte1())<<8 + mem.Addr(byte1()), Len: uint32(byte1())<<8 | uint32(byte1()), Write: true,
					}
					buffers = append(buffers, b)
					if device.register(regPoisonVal) != 0 || !guest.Contains(b.Addr, uint64(b.Len)) {
						continue
					}
					for p := (b.Addr + pageSize - 1) / pageSize; p < (b.Addr+mem.Addr(b.Len))/pageSize; p++ {
						given[p] = true
					}
				}
				d.AddBuffers(buffers...)
				serve(act.report)
			case 2:
				p := bytes.Repeat([]byte{byte1()}, n%16)
				device.WriteConfig(uint64(n)-8, p)
				device.ReadConfig(uint64(n)-8, p)
			}
		}
		for page := first; page < pages; page++ {
			b, err := guest.Uint8(mem.Addr(page) * pageSize)
			if err != nil || (b == 0) != given[page] {
				t.Fatalf("page %d given up: %v, given back: %v; %v", page, given[page], b == 0, err)
			}
		}
	})
}

// FuzzStatistics reads statistics of any form.
func FuzzStatistics(f *testing.F) {
	f.Add(append(stat(MemoryFree, 1), stat(MemoryFree, 2)...))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, buffer []byte) {
		if len(buffer) > 2000 {
			return
		}
		d := virtqtest.New(t, virtqtest.Options{Memory: virtqtest.NewMemory(t, 64<<10)})
		d.Add([][]byte{buffer}, []int{1})
		e := &exchange{activation: &activation{Activation: &virtio.Activation{Memory: d.Memory.Guest}}, ring: d.Queue()}
		if ok, err := e.ring.Next(&e.chain); !ok || err != nil {
			t.Fatal(ok, err)
		}
		s := e.read()
		if len(s) > min(maxStats, len(buffer)/statSize) {
			t.Errorf("%d statistics in %d bytes", len(s), len(buffer))
		}
		for i := 0; i+statSize <= min(len(buffer), maxStats*statSize); i += statSize {
			if _, ok := s[Tag(uint16(buffer[i])|uint16(buffer[i+1])<<8)]; !ok {
				t.Errorf("the statistic at %d is not there", i)
			}
		}
	})
}
