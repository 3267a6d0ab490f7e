package kvm

import (
	"fmt"
	"unsafe"
)

// State is a structure of KVM's interface that is kept as the bytes it has
// there: that interface never changes.
type State interface {
	Regs | SRegs | SRegs2 | DebugRegs | XCRS | VCPUEvents | LAPIC | IRQChip | PITState | ClockData
}

// Bytes are a structure's bytes.
func Bytes[T State](v *T) []byte {
	// The slice covers v and no more; it is copied before v can go.
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))...)
}

// FromBytes is the structure that has these bytes. Any bytes of the right number
// make one: every field is an integer.
func FromBytes[T State](b []byte) (T, error) {
	var v T
	if len(b) != int(unsafe.Sizeof(v)) {
		return v, fmt.Errorf("%T of %d bytes: want %d", v, len(b), unsafe.Sizeof(v))
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v)), b)
	return v, nil
}
