package pid1

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	consoleDevice = "/dev/console"
	activeConsole = "/sys/class/tty/console/active"
)

// consolePath is the terminal that a program on the console gets: the one that
// was asked for, or the one behind /dev/console, which cannot be a controlling
// terminal itself.
func consolePath(asked string) string {
	if asked != "" {
		return asked
	}
	b, err := os.ReadFile(activeConsole)
	if err != nil {
		return consoleDevice
	}
	return behindConsole(string(b))
}

// behindConsole reads the kernel's list of consoles, of which the last is
// /dev/console.
func behindConsole(active string) string {
	f := strings.Fields(active)
	if len(f) == 0 || strings.ContainsAny(f[len(f)-1], "/.") {
		return consoleDevice
	}
	if f[len(f)-1] == "tty0" {
		return "/dev/tty1" // tty0 is whichever screen is shown
	}
	return "/dev/" + f[len(f)-1]
}

// openConsole opens the terminal for a program. It is /dev/null, and no
// terminal, where there is none. The descriptor is not Go's: it stays blocking.
func openConsole(path string, say func(string)) (fd int, tty bool) {
	for _, p := range []string{path, consoleDevice} {
		fd, err := unix.Open(p, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err != nil {
			say(fmt.Sprintf("console %q: open: %v", p, err))
			continue
		}
		_, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return fd, err == nil
	}
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false
	}
	return fd, false
}

// adoptConsole makes /dev/console our own standard streams if the kernel could
// not, because the initrd had none: Go has put /dev/null there.
func adoptConsole() {
	var st unix.Stat_t
	if err := unix.Fstat(2, &st); err == nil && st.Rdev != unix.Mkdev(1, 3) {
		return
	}
	fd, err := unix.Open(consoleDevice, unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		if fd, err = unix.Open(os.DevNull, unix.O_RDWR, 0); err != nil {
			return
		}
	}
	for i := range 3 {
		if fd != i {
			_ = unix.Dup3(fd, i, 0)
		}
	}
	if fd > 2 {
		_ = unix.Close(fd)
	}
}
