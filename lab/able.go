package lab

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Able says whether this machine can run lab hosts, by an error that names what
// is missing: an emulator, memory for a host of the default size, a place for
// its files. It starts nothing.
func Able(getenv func(string) string) error {
	var errs []error
	if _, err := FindEmulator(""); err != nil {
		errs = append(errs, err)
	}
	if _, err := DirsFromEnv(getenv); err != nil {
		errs = append(errs, err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		errs = append(errs, fmt.Errorf("lab: memory: look up: %w", err))
	} else if total := info.Totalram * uint64(info.Unit) >> 20; total < leastMachineMemory {
		errs = append(errs, fmt.Errorf("lab: memory: the machine has %d MiB, a host needs %d", total, leastMachineMemory))
	}
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		errs = append(errs, errors.New("lab: /proc is not mounted"))
	}
	return errors.Join(errs...)
}

// leastMachineMemory is what a machine must have for a host to be of use, in
// MiB: the emulator's translated code, the host's kernel, a small guest in it.
const leastMachineMemory = 3072
