package pci

import (
	"errors"
	"fmt"
	"slices"
)

// CapabilityHooks are called when the guest accesses a capability. off counts
// from the first byte of the body, and n bytes of it are touched. They are
// called with no lock of the function's held, on several goroutines at once
// where the guest has several virtual CPUs: what they do follows from
// CapabilityBody, not from the order of the calls.
type CapabilityHooks struct {
	Reading func(off, n int) // before a read
	Written func(off, n int) // after a write
}

// capability is one entry of the list, section 7.5.1.1.11.
type capability struct {
	body, size int // offset in configuration space, and bytes
	hooks      CapabilityHooks
}

// touched returns what n bytes at off share with the body, by offset in it.
func (c *capability) touched(off, n int) (from, count int) {
	from = max(off, c.body)
	end := min(off+n, c.body+c.size)
	if from >= end {
		return 0, 0
	}
	return from - c.body, end - from
}

// AddCapability puts a capability at the end of the list. body is what follows
// the ID and the pointer to the next; writable are the bits of it that a guest
// may change, nil for none. It returns the offset of the ID.
func (f *Function) AddCapability(id uint8, body, writable []byte, hooks CapabilityHooks) (offset uint8, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkCapabilityLocked(body, writable); err != nil {
		return 0, f.errorf("add capability %#x: %w", id, err)
	}
	at := f.free
	f.space.value[at] = id
	copy(f.space.value[at+2:], body)
	copy(f.space.writable[at+2:], writable)
	if len(f.caps) == 0 {
		f.space.value[regCapabilities] = byte(at)
		f.space.set(regStatus, statusCapabilities, true)
	} else {
		f.space.value[f.caps[len(f.caps)-1].body-1] = byte(at)
	}
	f.caps = append(slices.Clip(f.caps), &capability{body: at + 2, size: len(body), hooks: hooks})
	f.free = (at + 2 + len(body) + 3) &^ 3
	return uint8(at), nil
}

func (f *Function) checkCapabilityLocked(body, writable []byte) error {
	switch {
	case f.root != nil:
		return errAttached
	case writable != nil && len(writable) != len(body):
		return fmt.Errorf("%d bytes, %d of them writable", len(body), len(writable))
	case f.free+2+len(body) > legacySize:
		return errors.New("there is no more room")
	}
	return nil
}

// CapabilityBody fills p from the body of the capability at offset.
func (f *Function) CapabilityBody(offset uint8, off int, p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space.read(int(offset)+2+off, p)
}

// SetCapabilityBody puts p into the body of the capability at offset, whether
// the guest may write there or not.
func (f *Function) SetCapabilityBody(offset uint8, off int, p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := int(offset) + 2 + off; at < legacySize {
		copy(f.space.value[at:], p)
	}
}
