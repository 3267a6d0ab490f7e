package pid1

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Ports of the machine, as Hull's monitor has them.
const (
	// portMarks takes one byte that says how far the guest has come. It is the
	// PC's port for diagnostic codes, so that a write does no harm elsewhere.
	portMarks = 0x80

	// portExit answers a 32-bit read with exitSignature in a machine of Hull's,
	// and then takes a 32-bit write as the main process's end.
	portExit      = 0x5f0
	exitSignature = 0x4c4c5548 // "HULL", little-endian

	// exitSignalled, in what is written to portExit, makes the low bits the
	// number of a signal instead of an exit code.
	exitSignalled = 1 << 31
)

// What portMarks is told.
const (
	markUserspace = 0x41 // the first process runs
	markMain      = 0x42 // the main process is about to be started
)

func outb(port uint16, value uint8)
func outl(port uint16, value uint32)
func inl(port uint16) uint32

// portTries is how often a thread's right to ports is asked for. Some emulators
// now and then let an access fault that the kernel has allowed.
const portTries = 3

// onPorts calls f on a thread that may use count ports from first on; f may be
// called again after a fault. It returns the error of ioperm(2) without calling
// f where the kernel forbids that, as a locked-down one does.
func onPorts(first, count int, f func()) error {
	var err error
	for range portTries {
		if err = tryPorts(first, count, f); err == nil || !errors.Is(err, errPortFault) {
			return err
		}
	}
	return err
}

var errPortFault = errors.New("the access faulted")

func tryPorts(first, count int, f func()) error {
	errs := make(chan error, 1)
	go func() {
		// Not unlocked: the thread, and its right to the ports, end with the
		// goroutine.
		runtime.LockOSThread()
		debug.SetPanicOnFault(true) // of this goroutine: it can be recovered from
		defer func() {
			if recover() != nil {
				errs <- errPortFault
			}
		}()
		_, _, errno := unix.Syscall(unix.SYS_IOPERM, uintptr(first), uintptr(count), 1)
		if errno != 0 {
			errs <- errno
			return
		}
		f()
		errs <- nil
	}()
	return <-errs
}

// mark tells the monitor how far the guest has come. Where the ports are
// forbidden it goes through /dev/port; it is no loss if that is not there.
func mark(value uint8) error {
	err := onPorts(portMarks, 1, func() { outb(portMarks, value) })
	if err == nil {
		return nil
	}
	f, openErr := os.OpenFile("/dev/port", os.O_WRONLY, 0)
	if openErr != nil {
		return fmt.Errorf("port %#x: %w", portMarks, err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{value}, portMarks); err != nil {
		return fmt.Errorf("port %#x: %w", portMarks, err)
	}
	return nil
}

// tellExit tells a monitor of Hull's how the main process ended. It is false
// where there is none.
func tellExit(e exit) bool {
	told := false
	err := onPorts(portExit, 4, func() {
		if inl(portExit) == exitSignature {
			outl(portExit, e.encode())
			told = true
		}
	})
	if err == nil || told {
		return told
	}
	f, err := os.OpenFile("/dev/port", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [4]byte
	if _, err := f.ReadAt(b[:], portExit); err != nil || binary.LittleEndian.Uint32(b[:]) != exitSignature {
		return false
	}
	binary.LittleEndian.PutUint32(b[:], e.encode())
	_, err = f.WriteAt(b[:], portExit)
	return err == nil
}
