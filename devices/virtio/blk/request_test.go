package blk

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// cut splits p after each of the lengths.
func cut(p []byte, lengths ...int) (parts [][]byte) {
	for _, n := range lengths {
		parts = append(parts, p[:n])
		p = p[n:]
	}
	return append(parts, p)
}

// Drivers may split a request as they like (VIRTIO_F_ANY_LAYOUT is part of
// VIRTIO_F_VERSION_1).
func TestAnyFramingOfARequest(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for _, o := range []virtqtest.Options{{}, {Indirect: true, EventIndex: true}, {Packed: true}, {Packed: true, Indirect: true, InOrder: true}} {
		disk := newRAM(64 << 10)
		o.Size = 64
		d := virtqtest.New(t, o)
		virtqtest.Activate(t, newDevice(t, Config{Backend: disk}), allFeatures, d)
		data := pattern(1024, 3)
		out := append(header(kindOut, 5), data...)
		for name, readable := range map[string][][]byte{
			"all in one":               {out},
			"the usual":                cut(out, 16),
			"header in bytes":          cut(out, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
			"header runs into data":    cut(out, 7, 100, 600),
			"empty buffers in between": cut(out, 0, 16, 0, 0, 512, 0, 512),
		} {
			disk.wipe()
			expect(t, d, readable, []int{1}, statusOK, 1)
			if !bytes.Equal(disk.at(5*512, 1024), data) {
				t.Errorf("%s: the disk has something else", name)
			}
		}
		for name, writable := range map[string][]int{
			"all in one":               {1025},
			"the usual":                {1024, 1},
			"odd pieces":               {1, 3, 500, 520, 1},
			"status behind data":       {512, 513},
			"empty buffers in between": {0, 512, 0, 512, 0, 1, 0},
		} {
			u := d.Do(t, [][]byte{header(kindIn, 5)}, writable)
			if got := u.Bytes(); u.Written != 1025 || !bytes.Equal(got[:1024], data) || got[1024] != statusOK {
				t.Errorf("%s: read %d bytes, status %d, or something else than was written", name, u.Written, got[len(got)-1])
			}
		}
	}
}

// refusal is a request that must not do anything.
type refusal struct {
	readable [][]byte
	writable []int
	status   byte
	written  uint32
}

func TestRefusals(t *testing.T) {
	const sectors = 100
	h, one := header, make([]byte, 512)
	ones := []int{1}
	for name, r := range map[string]refusal{
		"no header":                    {nil, ones, statusIOErr, 1},
		"short header":                 {[][]byte{h(kindOut, 0)[:15]}, ones, statusIOErr, 1},
		"read past the end":            {[][]byte{h(kindIn, sectors)}, []int{512, 1}, statusIOErr, 0},
		"read across the end":          {[][]byte{h(kindIn, sectors-1)}, []int{1024, 1}, statusIOErr, 0},
		"read that overflows":          {[][]byte{h(kindIn, 1<<64-1)}, []int{512, 1}, statusIOErr, 0},
		"read that overflows in bytes": {[][]byte{h(kindIn, 1<<55)}, []int{512, 1}, statusIOErr, 0},
		"nothing far away":             {[][]byte{h(kindIn, sectors+1)}, ones, statusIOErr, 1},
		"read of part of a sector":     {[][]byte{h(kindIn, 0)}, []int{511, 1}, statusIOErr, 0},
		"read with data to read":       {[][]byte{h(kindIn, 0), one}, []int{512, 1}, statusIOErr, 0},
		"write past the end":           {[][]byte{h(kindOut, sectors), one}, ones, statusIOErr, 1},
		"write that overflows":         {[][]byte{h(kindOut, 1<<64-1), one}, ones, statusIOErr, 1},
		"write of part of a sector":    {[][]byte{h(kindOut, 0), one[:100]}, ones, statusIOErr, 1},
		"write with room":              {[][]byte{h(kindOut, 0), one}, []int{1, 1}, statusIOErr, 0},
		"scsi command":                 {[][]byte{h(2, 0)}, ones, statusUnsupp, 1},
		"unknown type":                 {[][]byte{h(0x80000000, 0)}, []int{512, 1}, statusUnsupp, 0},
		"lifetime":                     {[][]byte{h(10, 0)}, []int{32, 1}, statusUnsupp, 0},
		"secure erase":                 {[][]byte{h(14, 0), part(0, 1, 0)}, ones, statusUnsupp, 1},
		"discard of nothing":           {[][]byte{h(kindDiscard, 0)}, ones, statusIOErr, 1},
		"discard of part of a segment": {[][]byte{h(kindDiscard, 0), part(0, 1, 0), {1}}, ones, statusIOErr, 1},
		"discard past the end":         {[][]byte{h(kindDiscard, 0), part(sectors, 1, 0)}, ones, statusIOErr, 1},
		"discard that overflows":       {[][]byte{h(kindDiscard, 0), part(1<<64-1, 2, 0)}, ones, statusIOErr, 1},
		"discard of too much":          {[][]byte{h(kindDiscard, 0), part(0, maxDiscardSectors+1, 0)}, ones, statusIOErr, 1},
		"discard of too many":          {[][]byte{h(kindDiscard, 0), bytes.Repeat(part(0, 1, 0), 65)}, ones, statusIOErr, 1},
		"discard, the second bad":      {[][]byte{h(kindDiscard, 0), part(0, 1, 0), part(sectors, 1, 0)}, ones, statusIOErr, 1},
		"discard with unmap":           {[][]byte{h(kindDiscard, 0), part(0, 1, 1)}, ones, statusUnsupp, 1},
		"discard with unknown flag":    {[][]byte{h(kindDiscard, 0), part(0, 1, 2)}, ones, statusUnsupp, 1},
		"zeroes with unknown flag":     {[][]byte{h(kindWriteZeroes, 0), part(0, 1, 3)}, ones, statusUnsupp, 1},
		"zeroes past the end":          {[][]byte{h(kindWriteZeroes, 0), part(sectors-1, 2, 0)}, ones, statusIOErr, 1},
		"zeroes of too much":           {[][]byte{h(kindWriteZeroes, 0), part(0, maxWriteZeroesSectors+1, 0)}, ones, statusIOErr, 1},
		"zeroes of two segments":       {[][]byte{h(kindWriteZeroes, 0), part(0, 1, 0), part(1, 1, 0)}, ones, statusIOErr, 1},
	} {
		t.Run(name, func(t *testing.T) {
			checkRefusal(t, r, Config{Backend: newRAM(sectors * 512)}, allFeatures)
		})
	}
	for name, r := range map[string]refusal{
		"write":               {[][]byte{h(kindOut, 0), one}, ones, statusIOErr, 1},
		"write of nothing":    {[][]byte{h(kindOut, 0)}, ones, statusIOErr, 1},
		"discard":             {[][]byte{h(kindDiscard, 0), part(0, 1, 0)}, ones, statusIOErr, 1},
		"zeroes":              {[][]byte{h(kindWriteZeroes, 0), part(0, 1, 0)}, ones, statusIOErr, 1},
		"a flush is for free": {[][]byte{h(kindFlush, 0)}, ones, statusOK, 1},
	} {
		t.Run("read-only "+name, func(t *testing.T) {
			checkRefusal(t, r, Config{Backend: newRAM(sectors * 512), ReadOnly: true}, allFeatures)
		})
	}
	for name, r := range map[string]refusal{
		"discard": {[][]byte{h(kindDiscard, 0), part(0, 1, 0)}, ones, statusUnsupp, 1},
		"zeroes":  {[][]byte{h(kindWriteZeroes, 0), part(0, 1, 0)}, ones, statusUnsupp, 1},
	} {
		t.Run("not negotiated "+name, func(t *testing.T) {
			checkRefusal(t, r, Config{Backend: newRAM(sectors * 512)}, 0)
		})
	}
}

func checkRefusal(t *testing.T, r refusal, c Config, features uint64) {
	t.Helper()
	disk := c.Backend.(*ram)
	device := newDevice(t, c)
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, features, d)
	u := expect(t, d, r.readable, r.writable, r.status, r.written)
	for i, w := range u.Writable[:len(u.Writable)-1] {
		if !bytes.Equal(w, bytes.Repeat([]byte{0xa5}, len(w))) {
			t.Errorf("buffer %d was written: %x", i, w)
		}
	}
	if calls := disk.takeCalls(); calls != nil {
		t.Errorf("the disk was asked for %q", calls)
	}
	s := device.Stats()
	if s.Refused+s.Unsupported+s.Flushes != 1 || (s.Unsupported == 1) != (r.status == statusUnsupp) {
		t.Errorf("counted %+v", s)
	}
	expect(t, d, [][]byte{header(kindIn, 0)}, []int{512, 1}, statusOK, 513) // all else goes on
}

// A driver must obey SIZE_MAX and SEG_MAX, so there is a bound.
func TestARequestLargerThanAnnouncedIsRefused(t *testing.T) {
	device := newDevice(t, Config{Backend: newRAM(512), QueueSize: 4})
	device.capacity.Store(1 << 40)
	d := virtqtest.New(t, virtqtest.Options{Size: 4})
	virtqtest.Activate(t, device, allFeatures, d)
	status := d.Memory.Alloc(1)
	head := d.Memory.Alloc(headerSize)
	if err := d.Memory.WriteAt(header(kindIn, 0), head); err != nil {
		t.Fatal(err)
	}
	d.AddBuffers(virtqtest.Buffer{Addr: head, Len: headerSize}, virtqtest.Buffer{Addr: 0, Len: 2<<20 + 512, Write: true}, virtqtest.Buffer{Addr: status, Len: 1, Write: true})
	d.Kick()
	d.Wait(t)
	if got, _ := d.Memory.Uint8(status); got != statusIOErr || device.Stats().Refused != 1 {
		t.Errorf("status %d, counted %+v", got, device.Stats())
	}
}

func TestBuffersOutsideOfMemory(t *testing.T) {
	const nowhere = mem.Addr(1) << 40
	disk := newRAM(64 << 10)
	device := newDevice(t, Config{Backend: disk})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, allFeatures, d)
	status, data := d.Memory.Alloc(1), d.Memory.Alloc(512)
	headerOf := func(k kind) mem.Addr {
		at := d.Memory.Alloc(headerSize)
		if err := d.Memory.WriteAt(header(k, 0), at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	ok := virtqtest.Buffer{Addr: status, Len: 1, Write: true}
	for name, buffers := range map[string][]virtqtest.Buffer{
		"header":     {{Addr: nowhere, Len: 16}, ok},
		"data":       {{Addr: headerOf(kindIn), Len: 16}, {Addr: data, Len: 512, Write: true}, {Addr: nowhere, Len: 512, Write: true}, ok},
		"write data": {{Addr: headerOf(kindOut), Len: 16}, {Addr: data, Len: 512}, {Addr: nowhere, Len: 512}, ok},
		"segments":   {{Addr: headerOf(kindDiscard), Len: 16}, {Addr: nowhere, Len: 16}, ok},
		"id":         {{Addr: headerOf(kindGetID), Len: 16}, {Addr: nowhere, Len: 20, Write: true}, ok},
	} {
		if err := d.Memory.PutUint8(status, 0xff); err != nil {
			t.Fatal(err)
		}
		d.AddBuffers(buffers...)
		d.Kick()
		d.Wait(t)
		if got, _ := d.Memory.Uint8(status); got != statusIOErr {
			t.Errorf("%s: status %d", name, got)
		}
	}
	if s, calls := device.Stats(), disk.takeCalls(); s.Refused != 5 || s.Failed != 0 || calls != nil {
		t.Errorf("counted %+v, disk asked for %q", s, calls)
	}
}

func TestARequestThatCannotBeAnsweredBreaksTheDevice(t *testing.T) {
	for name, buffers := range map[string][]virtqtest.Buffer{
		"no room for a status":      {{Addr: 0x1000, Len: 16}},
		"empty room for a status":   {{Addr: 0x1000, Len: 16}, {Addr: 0x1000, Len: 0, Write: true}},
		"status outside of memory":  {{Addr: 0x1000, Len: 16}, {Addr: 1 << 40, Len: 1, Write: true}},
		"status past the last byte": {{Addr: 0x1000, Len: 16}, {Addr: ^mem.Addr(0), Len: 2, Write: true}}, // for the ring to find
	} {
		t.Run(name, func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			m := virtqtest.NewMemory(t, virtqtest.DefaultMemory)
			d := virtqtest.New(t, virtqtest.Options{Memory: m})
			other := virtqtest.New(t, virtqtest.Options{Memory: m, Index: 1})
			device := newDevice(t, Config{Backend: newRAM(4096), Queues: 2})
			active := virtqtest.Activate(t, device, allFeatures, d, other)
			expect(t, other, [][]byte{header(kindFlush, 0)}, []int{1}, statusOK, 1)
			devicestest.Eventually(t, "the other queue to sleep", func() bool { return other.Split().UsedFlags() == 0 })
			d.AddBuffers(buffers...)
			d.Kick()
			t.Log(active.WaitBroken(t))
			// The other queue is out of use as well, and all can be ended.
			other.Add([][]byte{header(kindFlush, 0)}, []int{1})
			other.Queue().Kick()
			device.Pause()
			device.Resume()
			active.Deactivate()
			if _, ok := other.Poll(); ok || device.Stats().Flushes != 1 {
				t.Error("the other queue was served")
			}
		})
	}
}

func TestGetID(t *testing.T) {
	const serial = "a serial of 20 bytes"
	for _, c := range []struct {
		serial  string
		room    int
		want    string
		written uint32
	}{
		{serial, 20, serial, 21},
		{"short", 20, "short" + string(make([]byte, 15)), 21},
		{serial, 7, serial[:7], 8},
		{serial, 0, "", 1},
		{serial, 30, serial, 20}, // the status is behind bytes that were not written
	} {
		d := virtqtest.New(t, virtqtest.Options{})
		virtqtest.Activate(t, newDevice(t, Config{Backend: newRAM(512), Serial: c.serial}), 0, d)
		u := expect(t, d, [][]byte{header(kindGetID, 0)}, []int{c.room / 2, c.room - c.room/2, 1}, statusOK, c.written)
		if got := string(u.Bytes()[:min(c.room, 20)]); got != c.want {
			t.Errorf("room for %d: %q, want %q", c.room, got, c.want)
		}
	}
}

func TestDiscardAndWriteZeroes(t *testing.T) {
	disk := newRAM(64 << 10)
	device := newDevice(t, Config{Backend: disk})
	d := virtqtest.New(t, virtqtest.Options{Size: 128})
	virtqtest.Activate(t, device, allFeatures, d)
	for _, c := range []struct {
		kind kind
		segs [][]byte
		want []string
	}{
		{kindDiscard, [][]byte{part(1, 2, 0)}, []string{"discard 512+1024"}},
		{kindDiscard, [][]byte{part(0, 128, 0), part(5, 0, 0), part(128, 0, 0), part(7, 1, 0)}, []string{"discard 0+65536", "discard 3584+512"}},
		{kindDiscard, [][]byte{bytes.Repeat(part(0, 1, 0), 64)}, slices.Repeat([]string{"discard 0+512"}, 64)},
		{kindWriteZeroes, [][]byte{part(3, 4, 0)}, []string{"zero unmap=false 1536+2048"}},
		{kindWriteZeroes, cut(part(3, 4, 1), 5), []string{"zero unmap=true 1536+2048"}},
		{kindWriteZeroes, [][]byte{part(3, 0, 1)}, nil},
	} {
		expect(t, d, append([][]byte{header(c.kind, 99)}, c.segs...), []int{1}, statusOK, 1)
		if calls := disk.takeCalls(); !slices.Equal(calls, c.want) {
			t.Errorf("disk asked for %q, want %q", calls, c.want)
		}
	}
	if s := device.Stats(); s.Discards != 3 || s.WriteZeroes != 3 {
		t.Errorf("counted %+v", s)
	}
}

// What is durable when a write is answered is for section 5.2.6.2 to say.
func TestCacheModes(t *testing.T) {
	for _, c := range []struct {
		features  uint64
		writeback int // what the driver writes to it; -1 for nothing
		flushed   bool
	}{
		{0, -1, true},
		{FeatureFlush, -1, false},
		{FeatureFlush | FeatureConfigWCE, -1, false},
		{FeatureFlush | FeatureConfigWCE, 0, true},
		{FeatureFlush | FeatureConfigWCE, 1, false},
		{FeatureConfigWCE, -1, true},
		{FeatureFlush, 0, false}, // not negotiated: it counts for nothing
	} {
		t.Run(fmt.Sprintf("features %#x writeback %d", c.features, c.writeback), func(t *testing.T) {
			disk := newRAM(4096)
			device := newDevice(t, Config{Backend: &quick{disk, func(int64) (bool, error) { return true, nil }}})
			d := virtqtest.New(t, virtqtest.Options{})
			active := virtqtest.Activate(t, device, c.features|FeatureWriteZeroes, d)
			if c.writeback >= 0 {
				device.WriteConfig(regWriteback, []byte{byte(c.writeback)})
			}
			data := pattern(512, 9)
			expect(t, d, [][]byte{header(kindOut, 1), data}, []int{1}, statusOK, 1)
			if got := bytes.Equal(disk.kept(512, 512), data); got != c.flushed {
				t.Errorf("write durable when answered: %v, want %v", got, c.flushed)
			}
			expect(t, d, [][]byte{header(kindFlush, 0)}, []int{1}, statusOK, 1)
			if !bytes.Equal(disk.kept(512, 512), data) {
				t.Error("write not durable when a flush behind it is answered")
			}
			expect(t, d, [][]byte{header(kindWriteZeroes, 0), part(1, 1, 0)}, []int{1}, statusOK, 1)
			if got := disk.kept(600, 1)[0] == 0; got != c.flushed {
				t.Errorf("zeroes durable when answered: %v, want %v", got, c.flushed)
			}
			active.Deactivate()
			var mode [1]byte
			if device.ReadConfig(regWriteback, mode[:]); mode[0] != 1 {
				t.Error("after a reset the cache mode is not write-back")
			}
		})
	}
}
