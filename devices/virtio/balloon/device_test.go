package balloon

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

const allFeatures = FeatureStatistics | FeatureDeflateOnOOM | FeatureReporting

func newBalloon(t testing.TB, c Config) *Device {
	t.Helper()
	c.Name = "balloon0"
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// guestPages are the pages from which on guestMemory belongs to the test alone.
const (
	guestMemory = 8 << 20
	guestPages  = guestMemory / 2 / pageSize
)

// newMemory makes guest memory of which the drivers use the lower half, and fills
// the upper.
func newMemory(t testing.TB) *virtqtest.Memory {
	m := virtqtest.NewMemory(t, guestMemory)
	fill(t, m)
	return m
}

func fill(t testing.TB, m *virtqtest.Memory) {
	t.Helper()
	if err := m.WriteAt(bytes.Repeat([]byte{0x77}, guestMemory/2), guestPages*pageSize); err != nil {
		t.Fatal(err)
	}
}

// resident counts the pages that the upper half of memory takes from the host.
func resident(t testing.TB, m *virtqtest.Memory) (n int) {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	host := uint64(m.Slots()[0].Host)/pageSize + guestPages
	entries := make([]byte, 8*guestPages)
	if _, err := f.ReadAt(entries, int64(host*8)); err != nil {
		t.Fatal(err)
	}
	for ; len(entries) > 0; entries = entries[8:] {
		if binary.LittleEndian.Uint64(entries)>>62 != 0 { // present, or swapped out
			n++
		}
	}
	return n
}

// pfns is a request's buffer of page numbers.
func pfns(pages ...uint32) []byte {
	var p []byte
	for _, page := range pages {
		p = binary.LittleEndian.AppendUint32(p, page)
	}
	return p
}

func sequence(first, n, step int) (pages []uint32) {
	for i := range n {
		pages = append(pages, uint32(first+i*step))
	}
	return pages
}

func TestConfigurationSpace(t *testing.T) {
	d := newBalloon(t, Config{Target: 5<<20 + 4095})
	read := func() (p [configSize + 8]byte) {
		d.ReadConfig(0, p[:])
		return p
	}
	want := [configSize + 8]byte{regNumPages + 1: 5}
	if got := read(); got != want {
		t.Fatalf("at first: %x", got)
	}
	d.WriteConfig(0, bytes.Repeat([]byte{0xee}, 40))
	d.WriteConfig(math.MaxUint64-1, bytes.Repeat([]byte{0xdd}, 40))
	for i := range 4 {
		want[regActual+i], want[regPoisonVal+i] = 0xee, 0xee
	}
	if got := read(); got != want || d.Actual() != 0xeeeeeeee*pageSize {
		t.Errorf("actual and poison_val written: %x", got)
	}
	for off := range uint64(configSize + 8) {
		for n := range uint64(configSize + 8 - off) {
			p := bytes.Repeat([]byte{1}, int(n))
			if d.ReadConfig(off, p); !bytes.Equal(p, want[off:off+n]) {
				t.Fatalf("%d bytes at %d: %x", n, off, p)
			}
		}
	}
}

func TestTheTargetIsTold(t *testing.T) {
	devicestest.CheckGoroutines(t)
	device := newBalloon(t, Config{})
	if err := device.SetTarget(1 << 20); err != nil { // not active: nobody to tell
		t.Fatal(err)
	}
	active := virtqtest.Activate(t, device, 0, virtqtest.New(t, virtqtest.Options{}))
	if err := device.SetTarget(1<<20 + 1); err != nil { // the same in pages
		t.Fatal(err)
	}
	select {
	case <-active.ConfigChanges:
		t.Error("told of no change")
	default:
	}
	if err := device.SetTarget(math.MaxUint32 * pageSize); err != nil {
		t.Fatal(err)
	}
	<-active.ConfigChanges
	if device.Target() != math.MaxUint32*pageSize {
		t.Errorf("target is %d", device.Target())
	}
	if err := device.SetTarget((math.MaxUint32 + 1) * pageSize); err == nil || !strings.HasPrefix(err.Error(), `balloon "balloon0": set target`) {
		t.Errorf("error is %v", err)
	}
	if _, err := New(Config{Target: math.MaxUint64}); err == nil {
		t.Error("a target that cannot be told is taken")
	}
	device.WriteConfig(regActual, []byte{1, 2, 0, 0})
	if device.Actual() != 0x201*pageSize {
		t.Errorf("actual is %d", device.Actual())
	}
	active.Deactivate()
	if device.Actual() != 0 || device.Target() == 0 {
		t.Errorf("after a reset: actual is %d, target %d", device.Actual(), device.Target())
	}
}

func TestFeaturesFollowTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		config   Config
		features uint64
		queues   int
	}{
		{Config{}, 0, 2},
		{Config{DeflateOnOOM: true}, FeatureDeflateOnOOM, 2},
		{Config{Statistics: true}, FeatureStatistics, 3},
		{Config{Reporting: true}, FeatureReporting | FeaturePagePoison, 5},
		{Config{Statistics: true, Reporting: true}, FeatureStatistics | FeatureReporting | FeaturePagePoison, 5},
	} {
		d := newBalloon(t, c.config)
		if d.Features() != c.features || len(d.QueueSizes()) != c.queues || d.ID() != virtio.IDBalloon {
			t.Errorf("%+v: features %#x, queues %v", c.config, d.Features(), d.QueueSizes())
		}
	}
}

func TestInflatingGivesMemoryBackToTheHost(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for name, c := range map[string]struct {
		pages    []uint32
		given    int // pages
		discards uint64
		refused  uint64
	}{
		"in order":       {sequence(guestPages, 256, 1), 256, 1, 0},
		"backwards":      {sequence(guestPages+255, 256, -1), 256, 1, 0},
		"two pieces":     {append(sequence(guestPages+500, 3, 1), sequence(guestPages, 4, 1)...), 7, 2, 0},
		"every second":   {sequence(guestPages, 100, 2), 100, 100, 0},
		"twice the same": {[]uint32{guestPages, guestPages + 1, guestPages, guestPages + 1}, 2, 1, 0},
		"some no memory": {[]uint32{guestPages, 1 << 31, guestPages + 1, math.MaxUint32, 2 * guestPages}, 2, 1, 3},
		"the last page":  {[]uint32{2*guestPages - 1, 2 * guestPages}, 1, 1, 1},
		"nothing":        {nil, 0, 0, 0},
		"most":           {slices.Repeat(sequence(guestPages, guestPages, 1), maxPages/guestPages), guestPages, 1, 0},
		"too many":       {sequence(guestPages, maxPages+1, 0), 1, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(t)
			device := newBalloon(t, Config{})
			d := virtqtest.New(t, virtqtest.Options{Memory: m, Size: 128})
			virtqtest.Activate(t, device, 0, d)
			before := resident(t, m)
			buffer := pfns(c.pages...)
			cut := min(len(buffer), 5) // pieces end anywhere
			if u := d.Do(t, [][]byte{buffer[:cut], buffer[cut:]}, nil); u.Written != 0 {
				t.Errorf("%d bytes written", u.Written)
			}
			if n := before - resident(t, m); n != c.given || before < guestPages {
				t.Errorf("the host got %d of %d pages back, want %d", n, before, c.given)
			}
			if s := device.Counters(); s.Discards != c.discards || s.Refused != c.refused || s.Failed != 0 {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestDeflatedPagesComeBackEmpty(t *testing.T) {
	m := newMemory(t)
	device := newBalloon(t, Config{})
	in, out := virtqtest.New(t, virtqtest.Options{Memory: m}), virtqtest.New(t, virtqtest.Options{Memory: m, Index: 1})
	virtqtest.Activate(t, device, 0, in, out)
	in.Do(t, [][]byte{pfns(guestPages, guestPages+1)}, nil)
	out.Do(t, [][]byte{pfns(guestPages + 1)}, nil)
	got := make([]byte, 3)
	if err := m.ReadAt(got, (guestPages+2)*pageSize-2); err != nil || !bytes.Equal(got, []byte{0, 0, 0x77}) {
		t.Errorf("read %x, %v", got, err)
	}
	if s := device.Counters(); s.Inflated != 2 || s.Deflated != 1 {
		t.Errorf("counted %+v", s)
	}
}

// Linux numbers the queues that it uses without gaps; the specification does not.
func TestReportedPagesGoBackWhateverTheQueuesNumber(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for _, c := range []struct {
		features uint64
		queue    int
	}{
		{allFeatures, 4},
		{allFeatures, 3},
		{FeatureReporting, 4},
		{FeatureReporting, 2},
	} {
		t.Run(fmt.Sprintf("features %#x queue %d", c.features, c.queue), func(t *testing.T) {
			m := newMemory(t)
			device := newBalloon(t, Config{Statistics: true, Reporting: true})
			drivers := make([]*virtqtest.Driver, c.queue+1)
			for _, i := range []int{0, 1, c.queue} {
				drivers[i] = virtqtest.New(t, virtqtest.Options{Memory: m, Index: i})
			}
			if c.features&FeatureStatistics != 0 {
				drivers[2] = virtqtest.New(t, virtqtest.Options{Memory: m, Index: 2})
			}
			virtqtest.Activate(t, device, c.features, drivers...)
			checkReport(t, m, device, drivers[c.queue], 512+3)
		})
	}
}

// checkReport reports two pieces of memory, and one that is none, and checks how
// many pages the host got.
func checkReport(t *testing.T, m *virtqtest.Memory, device *Device, d *virtqtest.Driver, want int) {
	t.Helper()
	fill(t, m)
	before := resident(t, m)
	d.AddBuffers(
		virtqtest.Buffer{Addr: guestPages * pageSize, Len: 2 << 20, Write: true},
		virtqtest.Buffer{Addr: 1 << 40, Len: 2 << 20, Write: true},
		virtqtest.Buffer{Addr: (guestPages+1000)*pageSize - 100, Len: 3*pageSize + 200, Write: true},
	)
	d.Kick()
	if u := d.Wait(t); u.Written != 0 {
		t.Errorf("%d bytes written", u.Written)
	}
	if n := before - resident(t, m); n != want {
		t.Errorf("the host got %d pages back, want %d", n, want)
	}
	if s := device.Counters(); want > 0 && (s.Reported != 2<<20+3*pageSize+200 || s.Refused != 1) {
		t.Errorf("counted %+v", s)
	}
}

func TestPagesThatMustKeepAPatternAreNotGivenBack(t *testing.T) {
	for _, c := range []struct {
		poison byte
		want   int
	}{{0, 512 + 3}, {0xaa, 0}} {
		m := newMemory(t)
		device := newBalloon(t, Config{Reporting: true})
		d := virtqtest.New(t, virtqtest.Options{Memory: m, Index: 4})
		device.WriteConfig(regPoisonVal, bytes.Repeat([]byte{c.poison}, 4))
		active := virtqtest.Activate(t, device, FeatureReporting|FeaturePagePoison, nil, nil, nil, nil, d)
		checkReport(t, m, device, d, c.want)
		active.Deactivate()
		if device.register(regPoisonVal) != 0 {
			t.Error("the pattern outlives a reset")
		}
	}
}

func TestNothingHappensWhilePaused(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newMemory(t)
	device := newBalloon(t, Config{})
	device.Pause() // not active: nothing to do
	device.Resume()
	d := virtqtest.New(t, virtqtest.Options{Memory: m})
	virtqtest.Activate(t, device, 0, d)
	device.Pause()
	device.Pause()
	d.Add([][]byte{pfns(guestPages)}, nil)
	d.Queue().Kick()
	if at := d.Queue().Position(); at.Next != 0 {
		t.Errorf("paused at %+v", at)
	}
	device.Resume()
	device.Resume()
	d.Wait(t)
	device.Pause() // and is reset while it is paused
}

func TestBufferOfPageNumbersOutsideOfMemory(t *testing.T) {
	device := newBalloon(t, Config{})
	d := virtqtest.New(t, virtqtest.Options{})
	virtqtest.Activate(t, device, 0, d)
	d.AddBuffers(virtqtest.Buffer{Addr: 1 << 40, Len: 1024})
	d.Kick()
	d.Wait(t)
	d.Do(t, [][]byte{{1, 2, 3}}, []int{8}) // part of a number, and room for nothing
	if s := device.Counters(); s.Refused != 2 || s.Discards != 0 {
		t.Errorf("counted %+v", s)
	}
}

func TestABrokenRingEndsAllQueues(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newMemory(t)
	device := newBalloon(t, Config{Statistics: true})
	in, out := virtqtest.New(t, virtqtest.Options{Memory: m}), virtqtest.New(t, virtqtest.Options{Memory: m, Index: 1})
	stats := virtqtest.New(t, virtqtest.Options{Memory: m, Index: 2})
	active := virtqtest.Activate(t, device, FeatureStatistics, in, out, stats)
	in.Do(t, [][]byte{pfns(guestPages)}, nil)
	waiting := make(chan error)
	go func() {
		_, err := device.Stats(t.Context())
		waiting <- err
	}()
	out.Split().PutAvail(1000)
	out.Queue().Kick()
	t.Log(active.WaitBroken(t))
	if err := <-waiting; err == nil {
		t.Error("statistics came")
	}
}
