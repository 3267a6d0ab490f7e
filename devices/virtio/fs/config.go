package fs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Config is what a file system device is made of.
type Config struct {
	// Tag is the name by which the guest mounts it: 1 to 36 bytes of UTF-8.
	Tag string

	// Server is a socket to a file server, which does not block. It is the
	// device's, which closes it.
	Server *os.File

	// RequestQueues is how many there are; 0 for 1.
	RequestQueues int

	// QueueSize is the most entries of each queue, a power of 2; 0 for 1024.
	// Linux makes no larger requests than fit in as many descriptors.
	QueueSize uint16

	// InFlight is the most requests under way at once; 0 for as many as the
	// server takes.
	InFlight int

	// PauseDeadline bounds the wait for replies in Pause, and for a server that
	// does not read what it is sent; 0 for 5 seconds.
	PauseDeadline time.Duration

	// Report is told of what the owner should know of and nothing else says: that
	// the server has gone, once, and of each Pause that did not wait for all
	// replies. It is called from any goroutine and must not call the device; nil
	// for nobody.
	Report func(error)
}

func (c *Config) check() error {
	var errs []error
	if n := len(c.Tag); n == 0 || n > maxTag {
		errs = append(errs, fmt.Errorf("tag of %d bytes: want 1 to %d", n, maxTag))
	}
	if !utf8.ValidString(c.Tag) || strings.ContainsRune(c.Tag, 0) {
		errs = append(errs, errors.New("tag is not UTF-8 without NUL"))
	}
	if c.RequestQueues < 0 || c.RequestQueues > maxRequestQueues {
		errs = append(errs, fmt.Errorf("%d request queues: want 1 to %d", c.RequestQueues, maxRequestQueues))
	}
	if c.QueueSize&(c.QueueSize-1) != 0 || c.QueueSize > 1<<15 {
		errs = append(errs, fmt.Errorf("queues of %d entries: want a power of 2 up to %d", c.QueueSize, 1<<15))
	}
	if c.InFlight < 0 {
		errs = append(errs, fmt.Errorf("%d requests under way: want at least 1", c.InFlight))
	}
	if c.Server == nil {
		errs = append(errs, errors.New("no socket to a server"))
	}
	return errors.Join(errs...)
}

// fill puts in what was left out.
func (c *Config) fill() {
	if c.RequestQueues == 0 {
		c.RequestQueues = 1
	}
	if c.QueueSize == 0 {
		c.QueueSize = 1024
	}
	if c.PauseDeadline == 0 {
		c.PauseDeadline = 5 * time.Second
	}
	if c.Report == nil {
		c.Report = func(error) {}
	}
}
