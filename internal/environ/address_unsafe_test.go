package environ

import "unsafe"

// addressOf is where something on the heap, which does not move, is. It is not
// followed.
func addressOf(b *[64]byte) uintptr { return uintptr(unsafe.Pointer(b)) }
