package pci

import "testing"

// Nothing here sets these bits, so a guest never sees one go.
func TestBitsAreClearedByWritingOne(t *testing.T) {
	s := newSpace(Identity{})
	s.set(regStatus, statusErrors|statusCapabilities, true)
	s.write(regStatus+1, []byte{0x80})
	if got := s.get16(regStatus); got != statusErrors&^0x8000|statusCapabilities {
		t.Errorf("Status is %#x", got)
	}
	s.write(regCommand, []byte{0, 0, 0xff, 0xff})
	if got := s.get16(regStatus); got != statusCapabilities {
		t.Errorf("Status is %#x", got)
	}
}
