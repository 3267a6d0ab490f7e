package kvm

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// apiVersion is the only one there has been since Linux 2.6.22 (section 4.1).
const apiVersion = 12

// handle is a KVM file descriptor. It is an int and not an os.File, so that no
// garbage collection closes it under a guest: whoever made it closes it.
type handle struct {
	object string

	mu sync.Mutex // guards closing
	fd int        // -1 once closed
}

func (h *handle) fail(op string, err error) error {
	return &Error{Object: h.object, Op: op, Err: err}
}

// Close closes the descriptor. Closing twice does nothing more.
func (h *handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fd < 0 {
		return nil
	}
	fd := h.fd
	h.fd = -1
	if err := unix.Close(fd); err != nil {
		return h.fail("close", err)
	}
	return nil
}

// System is the KVM device (section 2.1: system ioctls).
type System struct {
	handle
	runSize int // bytes of struct kvm_run
}

// Open opens the KVM device at path.
func Open(path string) (*System, error) {
	s := &System{handle: handle{object: fmt.Sprintf("KVM %q", path), fd: -1}}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, s.fail("open", err)
	}
	s.fd = fd
	if err := s.greet(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// FromFile is the KVM device in f, which another process may have opened. It closes
// f.
func FromFile(f *os.File) (*System, error) {
	s := &System{handle: handle{object: fmt.Sprintf("KVM %q", f.Name()), fd: -1}}
	raw, err := f.SyscallConn()
	if err == nil {
		controlErr := raw.Control(func(fd uintptr) { s.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
		err = errors.Join(controlErr, err)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(s.fail("take over", err), s.Close())
	}
	if err := s.greet(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *System) greet() error {
	version, err := call(s.fd, ioGetAPIVersion, 0)
	if err != nil {
		return s.fail("KVM_GET_API_VERSION", ErrNotKVM)
	}
	if version != apiVersion {
		return s.fail("KVM_GET_API_VERSION", fmt.Errorf("version %d: Hull speaks %d", version, apiVersion))
	}
	if s.runSize, err = call(s.fd, ioGetVCPUMmapSize, 0); err != nil {
		return s.fail("KVM_GET_VCPU_MMAP_SIZE", err)
	}
	return nil
}

// Check is the value of an extension: 0 where KVM does not have it, often 1
// where it does (KVM_CHECK_EXTENSION, section 4.4).
func (s *System) Check(c Cap) int { return check(s.fd, c) }

func check(fd int, c Cap) int {
	n, err := call(fd, ioCheckExtension, uintptr(c))
	if err != nil {
		return 0
	}
	return n
}

// Missing lists those of caps that KVM does not have.
func (s *System) Missing(caps []Cap) []Cap {
	var out []Cap
	for _, c := range caps {
		if s.Check(c) == 0 {
			out = append(out, c)
		}
	}
	return out
}

// MaxVCPUs is the most vCPUs that one machine may have (KVM_CAP_MAX_VCPUS, or
// the number that is recommended where KVM does not say).
func (s *System) MaxVCPUs() int {
	if n := s.Check(CapMaxVCPUs); n > 0 {
		return n
	}
	if n := s.Check(CapNrVCPUs); n > 0 {
		return n
	}
	return 4 // section 4.4: what it means to say nothing
}

// Limits of the lists that KVM returns: far beyond what any has.
const (
	firstCPUIDEntries = 128
	maxCPUIDEntries   = 4096
	maxMSRs           = 1 << 16
)

// SupportedCPUID is what a guest's CPUID may answer on this host
// (KVM_GET_SUPPORTED_CPUID, section 4.46).
func (s *System) SupportedCPUID() ([]CPUIDEntry, error) {
	return s.cpuid("KVM_GET_SUPPORTED_CPUID", ioGetSupportedCPU)
}

// EmulatedCPUID is what KVM can emulate without the processor's help
// (KVM_GET_EMULATED_CPUID, section 4.88).
func (s *System) EmulatedCPUID() ([]CPUIDEntry, error) {
	return s.cpuid("KVM_GET_EMULATED_CPUID", ioGetEmulatedCPU)
}

func (s *System) cpuid(op string, nr ioctl) ([]CPUIDEntry, error) {
	entries, err := readCPUID(s.fd, nr)
	if err != nil {
		return nil, s.fail(op, err)
	}
	return entries, nil
}

// readCPUID asks with more and more room until it is enough.
func readCPUID(fd int, nr ioctl) ([]CPUIDEntry, error) {
	for room := firstCPUIDEntries; ; room *= 2 {
		head, entries, _, err := list(fd, nr, cpuidHeader{nent: uint32(room)}, make([]CPUIDEntry, room))
		switch {
		case errors.Is(err, unix.E2BIG) && room < maxCPUIDEntries:
			continue
		case err != nil:
			return nil, err
		case int(head.nent) > room:
			return nil, fmt.Errorf("%d entries in room for %d", head.nent, room)
		}
		return entries[:head.nent:head.nent], nil
	}
}

// MSRIndexList is the MSRs that a guest's state has (KVM_GET_MSR_INDEX_LIST,
// section 4.3).
func (s *System) MSRIndexList() ([]uint32, error) {
	return s.msrList("KVM_GET_MSR_INDEX_LIST", ioGetMSRIndexList)
}

// MSRFeatureIndexList is the MSRs that say what the host can do
// (KVM_GET_MSR_FEATURE_INDEX_LIST, section 4.3).
func (s *System) MSRFeatureIndexList() ([]uint32, error) {
	return s.msrList("KVM_GET_MSR_FEATURE_INDEX_LIST", ioGetMSRFeatures)
}

func (s *System) msrList(op string, nr ioctl) ([]uint32, error) {
	for room := uint32(256); ; {
		head, entries, _, err := list(s.fd, nr, msrListHeader{nmsrs: room}, make([]uint32, room))
		switch {
		case errors.Is(err, unix.E2BIG) && head.nmsrs > room && head.nmsrs <= maxMSRs:
			room = head.nmsrs
			continue
		case err != nil:
			return nil, s.fail(op, err)
		case head.nmsrs > room:
			return nil, s.fail(op, fmt.Errorf("%d entries in room for %d", head.nmsrs, room))
		}
		return entries[:head.nmsrs:head.nmsrs], nil
	}
}

// FeatureMSRs reads MSRs of MSRFeatureIndexList (KVM_GET_MSRS on the system,
// section 4.18). An MSR that cannot be read is an error that names it.
func (s *System) FeatureMSRs(indices []uint32) ([]MSREntry, error) {
	return readMSRs(&s.handle, indices)
}

// CreateVM makes a virtual machine with nothing in it (KVM_CREATE_VM, section
// 4.2).
func (s *System) CreateVM() (*VM, error) {
	fd, err := call(s.fd, ioCreateVM, 0)
	if err != nil {
		return nil, s.fail("KVM_CREATE_VM", err)
	}
	unix.CloseOnExec(fd)
	return &VM{handle: handle{object: "VM", fd: fd}, runSize: s.runSize}, nil
}
