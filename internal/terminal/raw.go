package terminal

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/term"
)

// Raw is a terminal in raw mode.
type Raw struct {
	fd   int
	old  *term.State
	once sync.Once
	err  error
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return f != nil && IsTerminalFd(f.Fd()) }

// IsTerminalFd reports whether a descriptor is a terminal's.
func IsTerminalFd(fd uintptr) bool { return term.IsTerminal(int(fd)) }

// MakeRaw puts the terminal f into raw mode: every key reaches the guest,
// Ctrl-c and Ctrl-z among them.
func MakeRaw(f *os.File) (*Raw, error) {
	fd := int(f.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("terminal %q: raw mode: %w", f.Name(), err)
	}
	return &Raw{fd: fd, old: old}, nil
}

// Restore gives the terminal the mode it had. It may be called from any
// goroutine and more than once; only the first call acts.
func (r *Raw) Restore() error {
	r.once.Do(func() {
		if err := term.Restore(r.fd, r.old); err != nil {
			r.err = fmt.Errorf("terminal: restore: %w", err)
		}
	})
	return r.err
}
