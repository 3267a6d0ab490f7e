package vmm

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/mem"
)

// clearPages is how many pages of a slot are protected again in one call of KVM's,
// a multiple of 64: it holds the lock that guests' page faults take.
const clearPages = 64 << 10

// dirtyLog is the machine's log of pages that are written. Machine.logging guards it.
type dirtyLog struct {
	manual  bool     // KVM protects pages again when it is told to, and not when it is asked
	scratch []uint64 // what KVM says of a slot
}

// inKernel is a device that the kernel can serve, which writes to guest memory then
// without any log.
type inKernel interface {
	SetVHost(want bool) (on bool, err error)
}

// StartDirtyLog starts the log of the pages of RAM that are written: by the guest, by
// KVM and by the devices. All are clean at first, but a write that is under way now
// may be in the log or not, so memory is to be copied whole after this. It costs the
// guest a fault for each page that it writes. Devices that the kernel serves
// (vhost-net) are served by the monitor until StopDirtyLog. A log that was started
// already is started anew. The machine may run or not.
func (m *Machine) StartDirtyLog() error {
	m.logging.Lock()
	defer m.logging.Unlock()
	if err := m.startDirtyLog(); err != nil {
		return fmt.Errorf("log of written pages: start: %w", errors.Join(err, m.stopDirtyLog()))
	}
	return nil
}

func (m *Machine) startDirtyLog() error {
	if m.dirty != nil {
		if err := m.stopDirtyLog(); err != nil {
			return err
		}
	}
	m.dirty = &dirtyLog{manual: m.manualDirtyLog}
	if err := m.serveInKernel(false); err != nil {
		return err
	}
	if err := m.memory.StartDirtyLog(); err != nil {
		return err
	}
	return m.setSlots(kvm.MemLogDirtyPages)
}

// StopDirtyLog stops it and forgets what it has; without a log it does nothing.
func (m *Machine) StopDirtyLog() error {
	m.logging.Lock()
	defer m.logging.Unlock()
	if err := m.stopDirtyLog(); err != nil {
		return fmt.Errorf("log of written pages: stop: %w", err)
	}
	return nil
}

func (m *Machine) stopDirtyLog() error {
	if m.dirty == nil {
		return nil
	}
	m.dirty = nil
	m.memory.StopDirtyLog()
	if m.released {
		return nil
	}
	return errors.Join(m.setSlots(0), m.serveInKernel(true))
}

// DirtyPages is an empty bitmap for each slot of the machine's memory, in their order,
// for FetchDirty.
func (m *Machine) DirtyPages() [][]uint64 {
	var pages [][]uint64
	for _, s := range m.memory.Slots() {
		pages = append(pages, make([]uint64, mem.DirtyWords(s.Size)))
	}
	return pages
}

// FetchDirty adds (by OR) the pages that were written since the last FetchDirty, or
// since StartDirtyLog, to a bitmap for each slot, and takes them out of the log. Bit
// p%64 of word p/64 stands for page p of the slot. Whoever copies them afterwards has
// them as they are then or later: a page that is written during or after the fetch is
// in the log again. After an error what the log had may be lost: start it anew.
func (m *Machine) FetchDirty(pages [][]uint64) error {
	m.logging.Lock()
	defer m.logging.Unlock()
	if err := m.fetchDirty(pages); err != nil {
		return fmt.Errorf("log of written pages: fetch: %w", err)
	}
	return nil
}

func (m *Machine) fetchDirty(pages [][]uint64) error {
	slots := m.memory.Slots()
	switch {
	case m.dirty == nil:
		return errors.New("it is not started")
	case m.released:
		return ErrNotRunning
	case len(pages) != len(slots):
		return fmt.Errorf("%d bitmaps: there are %d slots", len(pages), len(slots))
	}
	for i, s := range slots {
		words := mem.DirtyWords(s.Size)
		if len(pages[i]) < words {
			return fmt.Errorf("slot %d: bitmap of %d words, want %d", i, len(pages[i]), words)
		}
		if err := m.fetchSlot(s, pages[i]); err != nil {
			return err
		}
		if _, err := m.memory.FetchDirtyLog(s.ID, pages[i]); err != nil {
			return err
		}
	}
	return nil
}

// fetchSlot fetches KVM's part.
func (m *Machine) fetchSlot(s mem.Slot, into []uint64) error {
	words := mem.DirtyWords(s.Size)
	if len(m.dirty.scratch) < words {
		m.dirty.scratch = make([]uint64, words)
	}
	bitmap := m.dirty.scratch[:words]
	if err := m.vm.GetDirtyLog(uint32(s.ID), s.Size, bitmap); err != nil {
		return err
	}
	for i, word := range bitmap {
		into[i] |= word
	}
	if !m.dirty.manual {
		return nil
	}
	total := s.Size / mem.PageSize
	for first := uint64(0); first < total; first += clearPages {
		part := bitmap[first/64:]
		n := min(clearPages, total-first)
		if isClear(part[:(n+63)/64]) {
			continue
		}
		if err := m.vm.ClearDirtyLog(uint32(s.ID), first, uint32(n), part); err != nil {
			return err
		}
	}
	return nil
}

func isClear(words []uint64) bool {
	for _, word := range words {
		if word != 0 {
			return false
		}
	}
	return true
}

// setSlots gives KVM the machine's RAM, or changes the flags of that.
func (m *Machine) setSlots(flags uint32) error {
	for _, s := range m.memory.Slots() {
		region := kvm.MemoryRegion{Slot: uint32(s.ID), Flags: flags, GuestPhysAddr: uint64(s.Base), Size: s.Size, HostAddr: s.Host}
		if err := m.vm.SetUserMemoryRegion(region); err != nil {
			return err
		}
	}
	return nil
}

// prepareDirtyLog has KVM protect pages when it is told to, where it can: a fetch
// holds its lock for less, and each page is protected just before it is copied.
func (m *Machine) prepareDirtyLog() error {
	if m.system.Check(kvm.CapManualDirtyLogProtect2)&kvm.DirtyLogManualProtect == 0 {
		return nil
	}
	m.manualDirtyLog = true
	return m.vm.EnableCap(kvm.CapManualDirtyLogProtect2, kvm.DirtyLogManualProtect)
}

// serveInKernel lets the kernel serve devices, or no longer.
func (m *Machine) serveInKernel(want bool) error {
	var errs []error
	for _, d := range m.devices {
		if k, ok := d.(inKernel); ok {
			_, err := k.SetVHost(want)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func devicesOf(list []Virtio) []virtio.Device {
	var devices []virtio.Device
	for _, d := range list {
		devices = append(devices, d.Device)
	}
	return devices
}
