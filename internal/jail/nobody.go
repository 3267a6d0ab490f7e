package jail

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Nobody is the user and group that own nothing.
const Nobody = 65534

// BecomeNobody gives up the rights that root has without capabilities: those of the
// owner of most files and processes.
func BecomeNobody() error {
	if err := DropCapabilities(1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID); err != nil {
		return err
	}
	if err := syscall.Setresgid(Nobody, Nobody, Nobody); err != nil {
		return fmt.Errorf("setresgid: %w", err)
	}
	if err := syscall.Setresuid(Nobody, Nobody, Nobody); err != nil {
		return fmt.Errorf("setresuid: %w", err)
	}
	return nil
}
