package virtq

import "github.com/hullvm/hull/mem"

// area is a piece of a ring, where the driver put it.
type area struct {
	name  string
	at    mem.Addr
	size  uint64 // bytes
	align mem.Addr
}

func (a area) check(m *mem.Guest) error {
	if a.at%a.align != 0 {
		return brokenf("%s at %#x: not a multiple of %d", a.name, uint64(a.at), a.align)
	}
	if !m.Contains(a.at, a.size) {
		return brokenf("%s at %#x: its %d bytes are not all RAM", a.name, uint64(a.at), a.size)
	}
	return nil
}
