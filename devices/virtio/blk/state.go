package blk

import (
	"bytes"

	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of the section below.
const stateVersion = 1

// state is the section of a disk. Requests are none of it: those that were taken
// are done. Limits are not either: they begin anew.
type state struct {
	// What the driver was told, and has to be so where the state is loaded.
	Serial            []byte `cbor:"1,keyasint"` // without zeros at its end
	ReadOnly          bool   `cbor:"2,keyasint"`
	Queues            uint16 `cbor:"3,keyasint"`
	QueueSize         uint16 `cbor:"4,keyasint"` // entries: it bounds a request's segments
	BlockSize         uint32 `cbor:"5,keyasint"` // bytes
	PhysicalBlockSize uint32 `cbor:"6,keyasint"` // bytes

	Capacity  uint64 `cbor:"7,keyasint"` // sectors, as the driver knows
	Writeback bool   `cbor:"8,keyasint"`
}

var _ vmstate.Keeper = (*Device)(nil)

// Save writes what the driver knows and has set.
func (d *Device) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return out.Put(stateVersion, state{
		Serial: bytes.TrimRight(d.serial[:], "\x00"), ReadOnly: d.readOnly,
		Queues: uint16(d.queues), QueueSize: d.queueSize,
		BlockSize: d.blockSize, PhysicalBlockSize: d.physicalBlockSize,
		Capacity: d.told, Writeback: d.writeback.Load(),
	})
}

// Load takes over what the driver has set. The disk must be the same to it but for
// its size: of another one the driver is told when the device goes on.
func (d *Device) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	if err := d.check(in, &s); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = s.Capacity
	d.writeback.Store(s.Writeback)
	return nil
}

// check refuses the state of another disk.
func (d *Device) check(in vmstate.In, s *state) error {
	serial := bytes.TrimRight(d.serial[:], "\x00")
	switch {
	case !bytes.Equal(s.Serial, serial):
		return in.Refuse("disk %q: its serial was %q, and is %q here", d.name, shortened(s.Serial), serial)
	case s.ReadOnly != d.readOnly:
		return in.Refuse("disk %q: it was read-only %v, and is %v here", d.name, s.ReadOnly, d.readOnly)
	}
	for _, n := range []struct {
		what      string
		was, here uint32
	}{
		{"number of queues", uint32(s.Queues), uint32(d.queues)},
		{"queue size", uint32(s.QueueSize), uint32(d.queueSize)},
		{"block size", s.BlockSize, d.blockSize},
		{"physical block size", s.PhysicalBlockSize, d.physicalBlockSize},
	} {
		if n.was != n.here {
			return in.Refuse("disk %q: its %s was %d, and is %d here", d.name, n.what, n.was, n.here)
		}
	}
	return nil
}

// shortened is what an error says of bytes that may be any number.
func shortened(p []byte) []byte { return p[:min(len(p), MaxSerial+1)] }
