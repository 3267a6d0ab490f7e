package handover

import (
	"os"

	"golang.org/x/sys/unix"
)

// dup makes f known by another number too.
func dup(f *os.File, to int) error { return unix.Dup3(int(f.Fd()), to, unix.O_CLOEXEC) }
