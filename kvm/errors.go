package kvm

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Kinds of failure that callers tell apart. An [Error] matches them beside its
// errno.
var (
	// ErrNotFound: there is no such device.
	ErrNotFound = unix.ENOENT
	// ErrPermission: the device may not be opened.
	ErrPermission = unix.EACCES
	// ErrInvalid: the call's arguments, or its moment, are not accepted.
	ErrInvalid = unix.EINVAL
	// ErrUnsupported: this KVM does not know the call.
	ErrUnsupported = errors.New("not supported by this KVM")
	// ErrNotKVM: the file is not a KVM device.
	ErrNotKVM = errors.New("not a KVM device")
)

// Error is a call of KVM that failed.
type Error struct {
	Object string // what it was asked of, such as "vCPU 3"
	Op     string // the ioctl or system call
	Err    error  // mostly a unix.Errno
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Object, e.Op, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Is makes ENOTTY, the kernel's word for an ioctl it does not know, ErrUnsupported.
func (e *Error) Is(target error) bool {
	return target == ErrUnsupported && (errors.Is(e.Err, unix.ENOTTY) || errors.Is(e.Err, unix.ENOSYS))
}
