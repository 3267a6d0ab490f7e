package virtq

import "github.com/hullvm/hull/mem"

// tableWindow is how many descriptors of an indirect table are read at a time.
const tableWindow = 16

// table reads an indirect table, some descriptors at a time: the checks of guest
// memory cost more than the copy.
type table struct {
	mem  *mem.Guest
	at   mem.Addr
	size uint32 // descriptors

	from, to uint32 // the descriptors in window
	window   [tableWindow * descriptorSize]byte
}

// checkTable refuses an indirect table of a length that none can have.
func checkTable(length uint32) error {
	if length == 0 || length%descriptorSize != 0 || length > maxChain*descriptorSize {
		return brokenf("indirect table of %d bytes: want a multiple of %d up to %d", length, descriptorSize, maxChain*descriptorSize)
	}
	return nil
}

// open begins with a table of length bytes at addr.
func (t *table) open(addr uint64, length uint32) error {
	if err := checkTable(length); err != nil {
		return err
	}
	t.at, t.size = mem.Addr(addr), length/descriptorSize
	t.from, t.to = 0, 0
	return nil
}

// entry gives descriptor i, which is below size, until the next call.
func (t *table) entry(i uint32) (*[descriptorSize]byte, error) {
	if i < t.from || i >= t.to {
		n := min(t.size-i, tableWindow)
		if err := t.mem.ReadAt(t.window[:n*descriptorSize], t.at+mem.Addr(i)*descriptorSize); err != nil {
			t.from, t.to = 0, 0
			return nil, err
		}
		t.from, t.to = i, i+n
	}
	return (*[descriptorSize]byte)(t.window[(i-t.from)*descriptorSize:]), nil
}
