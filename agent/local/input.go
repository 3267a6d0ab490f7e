package local

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalInput is the near terminal as a process's standard input.
type terminalInput struct{ near *os.File }

func (t terminalInput) Write(p []byte) (int, error) { return t.near.Write(p) }

// Close types the end-of-file character, where the terminal has one now.
func (t terminalInput) Close() error {
	var eof []byte
	err := control(t.near, func(fd int) error {
		a, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil && a.Lflag&unix.ICANON != 0 && a.Cc[unix.VEOF] != 0 {
			eof = []byte{a.Cc[unix.VEOF]}
		}
		return err
	})
	if err == nil && eof != nil {
		_, err = t.near.Write(eof)
	}
	return err
}
