package local

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// output is our end of what a process writes: a pipe, or the near terminal.
type output struct {
	file *os.File
	tty  bool

	mu     sync.Mutex
	closed bool // nobody reads it any more

	// Only used by the reader.
	draining bool
	left     int // bytes that were there when the process ended
}

// end says that the process has ended. A Read under way goes on to drain.
func (o *output) end() { _ = o.file.SetReadDeadline(time.Unix(1, 0)) }

// Read is io.EOF when everything is read that had been written as the process
// ended. One reader at a time.
func (o *output) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !o.draining {
		n, err := o.file.Read(p)
		switch {
		case n > 0:
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			o.draining = true
			o.left = o.waiting()
		case errors.Is(err, unix.EIO) && o.tty:
			return 0, io.EOF // the far terminal is closed
		default:
			return 0, err
		}
	}
	return o.drain(p)
}

// waiting is how many bytes to read after the process's end. What is in a pipe
// is all: something left behind may write on for ever. A terminal was hung up
// with its process, so that what comes is bounded by its buffers.
func (o *output) waiting() int {
	if o.tty {
		return int(^uint(0) >> 1)
	}
	n := 0
	_ = control(o.file, func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
		return err
	})
	return n
}

func (o *output) drain(p []byte) (n int, err error) {
	if o.left == 0 {
		return 0, io.EOF
	}
	err = control(o.file, func(fd int) (err error) {
		for {
			n, err = unix.Read(fd, p[:min(len(p), o.left)])
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	if n <= 0 || err != nil { // EAGAIN, or EIO of a terminal
		o.left = 0
		return 0, io.EOF
	}
	o.left -= n
	return n, nil
}

// Close says that nobody reads any more: a writer to the pipe gets a SIGPIPE.
// A terminal stays, and what comes is to be dropped.
func (o *output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.tty {
		return nil
	}
	o.closed = true
	return o.file.Close()
}
