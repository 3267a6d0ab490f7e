package vmgenid

import (
	"fmt"
	"sync"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/mem"
)

// ID is a generation: 128 random bits.
type ID [16]byte

// align is the alignment of an ID in memory, in bytes.
const align = 8

// Config is what a Device is made of.
type Config struct {
	Memory *mem.Guest
	Addr   mem.Addr // of the ID, a multiple of 8; the firmware tables say the same

	// ID is the first generation. The zero ID is none: the guest's memory is left
	// alone, for a machine whose state will be loaded.
	ID ID

	// Notify tells the guest that the ID has changed; called by Renew, with no
	// lock held. Nil tells nobody.
	Notify func()
}

// Device is the generation of a machine. Pausing it does nothing: it acts only
// when it is told to.
type Device struct {
	memory *mem.Guest
	notify func()

	mu   sync.Mutex // guards what follows
	addr mem.Addr
	id   ID
}

// New returns a Device, and writes its ID to the guest's memory. It is an error if
// there is no memory at the address.
func New(c Config) (*Device, error) {
	d := &Device{memory: c.Memory, notify: c.Notify, addr: c.Addr, id: c.ID}
	if d.notify == nil {
		d.notify = func() {}
	}
	err := d.checkAddr(c.Addr)
	if err == nil && c.ID != (ID{}) {
		err = d.memory.WriteAt(c.ID[:], c.Addr)
	}
	if err != nil {
		return nil, fmt.Errorf("generation id: %w", err)
	}
	return d, nil
}

// checkAddr refuses an address where no ID can be.
func (d *Device) checkAddr(a mem.Addr) error {
	if a%align != 0 || !d.memory.Contains(a, uint64(len(ID{}))) {
		return fmt.Errorf("address %#x: want a multiple of %d in guest memory", uint64(a), align)
	}
	return nil
}

// ID is the present generation.
func (d *Device) ID() ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.id
}

// Renew makes the machine another one, and tells the guest. It may be called from
// any goroutine, and while the machine is paused.
func (d *Device) Renew(id ID) error {
	d.mu.Lock()
	err := d.memory.WriteAt(id[:], d.addr)
	if err == nil {
		d.id = id
	}
	d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("generation id: renew: %w", err)
	}
	d.notify()
	return nil
}

// Regions is empty: a Device claims no address on a bus.
func (*Device) Regions() []devices.Region { return nil }

// Pause does nothing.
func (*Device) Pause() {}

// Resume does nothing.
func (*Device) Resume() {}
