package vmm

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/mem"
)

// asmSweep increments a word in each page from 2 MiB on up to 4 MiB, over and over, and
// counts the rounds at counterAddr-8, which is in a page of its own.
var asmSweep = []byte{
	0x48, 0xff, 0x04, 0x25, 0xf8, 0xff, 0x1f, 0x00, // 1: inc qword [0x1ffff8]
	0xbf, 0x00, 0x00, 0x20, 0x00, // mov edi,0x200000
	0x48, 0xff, 0x07, // 2: inc qword [rdi]
	0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, // add edi,4096
	0x81, 0xff, 0x00, 0x00, 0x40, 0x00, // cmp edi,0x400000
	0x72, 0xef, // jb 2b
	0xeb, 0xe0, // jmp 1b
}

func has(pages [][]uint64, a mem.Addr) bool {
	page := a / mem.PageSize
	return pages[0][page/64]>>(page%64)&1 != 0
}

// fetched are the pages that were written since the last time.
func fetched(t testing.TB, m *Machine) [][]uint64 {
	t.Helper()
	pages := m.DirtyPages()
	if err := m.FetchDirty(pages); err != nil {
		t.Fatal(err)
	}
	return pages
}

// The log has what the guest writes and what the monitor writes, and neither what was
// fetched nor what nobody writes.
func TestTheLogHasWhatIsWritten(t *testing.T) {
	restored := newBare(t, asmSweep, nil)
	restored.Start()
	counted(t, restored, 1)
	s := save(t, restored)
	for name, m := range map[string]*Machine{
		"booted":   newBare(t, asmSweep, nil),
		"restored": newBare(t, nil, s.config(t, nil)),
	} {
		t.Run(name, func(t *testing.T) { logHasWhatIsWritten(t, m) })
	}
	restored.Kill()
	waitEnd(t, restored)
}

func logHasWhatIsWritten(t *testing.T, m *Machine) {
	const monitors = mem.Addr(0x800000)
	m.Start()
	counted(t, m, 0)
	if err := m.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		n, err := m.memory.Uint64(counterAddr)
		if err != nil {
			t.Fatal(err)
		}
		counted(t, m, n+1) // a whole round at least
		if err := m.memory.WriteAt([]byte{1}, monitors); err != nil {
			t.Fatal(err)
		}
		pages := fetched(t, m)
		for a := mem.Addr(counterAddr); a < 0x400000; a += mem.PageSize {
			if !has(pages, a) {
				t.Fatalf("the page at %#x is not in the log", a)
			}
		}
		if !has(pages, monitors) || has(pages, monitors+mem.PageSize) || has(pages, 0x400000) {
			t.Error("of the pages that the monitor writes, others are in the log")
		}
	}
	if err := m.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	fetched(t, m)
	for _, word := range fetched(t, m)[0] {
		if word != 0 {
			t.Error("pages are in the log of a machine that is paused")
			break
		}
	}
	if err := m.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.StopDirtyLog(), m.StopDirtyLog()); err != nil {
		t.Error(err)
	}
	if err := m.FetchDirty(m.DirtyPages()); err == nil {
		t.Error("a log that is stopped was fetched")
	}
	if err := m.StartDirtyLog(); err != nil {
		t.Error(err)
	}
	m.Kill()
	waitEnd(t, m)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := m.FetchDirty(m.DirtyPages()); err == nil {
		t.Error("the log of a machine that is closed was fetched")
	}
	if err := m.StopDirtyLog(); err != nil {
		t.Error(err)
	}
}

// What is copied whole, and then page by page as the log has it, is what memory is.
func TestCopiesByTheLogAreWhatMemoryIs(t *testing.T) {
	m := newBare(t, asmSweep, nil)
	m.Start()
	counted(t, m, 0)
	if err := m.StartDirtyLog(); err != nil {
		t.Fatal(err)
	}
	size := m.MemorySize()
	replica := make([]byte, size)
	if err := m.memory.ReadAt(replica, 0); err != nil {
		t.Fatal(err)
	}
	copyDirty := func() {
		pages := fetched(t, m)
		for a := mem.Addr(0); uint64(a) < size; a += mem.PageSize {
			if has(pages, a) {
				if err := m.memory.ReadAt(replica[a:][:mem.PageSize], a); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for range 10 {
		copyDirty()
	}
	if err := m.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	copyDirty()
	truth := make([]byte, size)
	if err := m.memory.ReadAt(truth, 0); err != nil {
		t.Fatal(err)
	}
	for a := 0; a < len(truth); a += 8 {
		if x, y := binary.LittleEndian.Uint64(replica[a:]), binary.LittleEndian.Uint64(truth[a:]); x != y {
			t.Fatalf("at %#x the copy has %#x, and memory %#x", a, x, y)
		}
	}
	m.Kill()
	waitEnd(t, m)
}

// helped is a device that the kernel serves.
type helped struct {
	virtio.Device
	told []bool
	fail error
}

func (h *helped) SetVHost(want bool) (bool, error) {
	h.told = append(h.told, want)
	return want, h.fail
}

// The kernel serves no device while there is a log, and does again after it, also
// where the log could not be started.
func TestTheKernelServesNoDeviceDuringTheLog(t *testing.T) {
	m := newBare(t, asmHalt, nil)
	h := &helped{}
	m.devices = append(m.devices, h)
	if err := errors.Join(m.StartDirtyLog(), m.StopDirtyLog(), m.StopDirtyLog()); err != nil {
		t.Fatal(err)
	}
	if len(h.told) != 2 || h.told[0] || !h.told[1] {
		t.Errorf("the device was told %v", h.told)
	}
	h.fail = errors.New("no")
	if err := m.StartDirtyLog(); !errors.Is(err, h.fail) {
		t.Errorf("start: %v", err)
	}
	if len(h.told) != 4 || !h.told[3] {
		t.Errorf("the device was told %v", h.told)
	}
	if err := m.FetchDirty(m.DirtyPages()); err == nil {
		t.Error("a log that could not be started was fetched")
	}
}
