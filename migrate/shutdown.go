package migrate

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// shutdown ends a connection for all who have a descriptor of it.
func shutdown(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	if errors.Is(failed, unix.ENOTCONN) {
		failed = nil // the other side was quicker
	}
	if failed != nil {
		failed = fmt.Errorf("connection for memory: %w", failed)
	}
	return errors.Join(err, failed)
}
