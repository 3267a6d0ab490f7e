package local

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// openPTY makes a pair of terminals: the near one is ours, the far one the
// process's. The far one is opened through the near one, so that no devpts
// need be mounted where the process will be.
func openPTY(size agent.WinSize) (near, far *os.File, err error) {
	near, err = os.OpenFile("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := -1
	err = control(near, func(n int) error {
		if err := unix.IoctlSetPointerInt(n, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		if err := setSize(n, size); err != nil {
			return err
		}
		r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(n), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
		if errno != 0 {
			return errno
		}
		fd = int(r)
		return nil
	})
	if err != nil {
		near.Close()
		return nil, nil, err
	}
	return near, os.NewFile(uintptr(fd), "terminal"), nil
}

// setSize says how large a terminal is; zeros mean that nobody knows.
func setSize(fd int, size agent.WinSize) error {
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Columns})
}

// control calls use with f's descriptor, which it keeps open meanwhile.
func control(f *os.File, use func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = use(int(fd)) }); err != nil {
		return err
	}
	return result
}
