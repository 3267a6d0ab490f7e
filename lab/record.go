package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
)

// record is what a keeper writes about its host.
type record struct {
	Version  int       `json:"version"`
	Ready    bool      `json:"ready"` // the agent has answered
	Started  time.Time `json:"started"`
	BootTime float64   `json:"boot_s"` // until Ready, in seconds
	Keeper   identity  `json:"keeper"`
	QEMU     identity  `json:"qemu"`
	Emulator Emulator  `json:"emulator"`

	// End is there when the host ended without being told to.
	End *death `json:"end,omitempty"`
}

const (
	recordVersion = 1
	maxRecord     = 64 << 10 // bytes of spec.json or host.json
)

// writeJSON replaces a file in a host's directory.
func writeJSON(dir, name string, v any) error {
	return durable.WriteFile(filepath.Join(dir, name), 0o600, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	})
}

// readJSON reads a file of a host's directory: a regular one, capped, never
// waited for.
func readJSON(dir, name string, v any) error {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("file %q: open: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxRecord) {
		err = fmt.Errorf("want a regular file of at most %d bytes", maxRecord)
	}
	if err != nil {
		return fmt.Errorf("file %q: read: %w", path, reason(err))
	}
	dec := json.NewDecoder(io.LimitReader(f, maxRecord))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("file %q: decode: %w", path, err)
	}
	return nil
}

func readSpec(dir string) (*Spec, error) {
	s, err := readAnySpec(dir)
	if err != nil {
		return nil, err
	}
	if s.Name != filepath.Base(dir) {
		return nil, fmt.Errorf("lab host %q: directory %q: it is another host's", s.Name, dir)
	}
	return s, nil
}

// readAnySpec is readSpec for a directory that has got another name.
func readAnySpec(dir string) (*Spec, error) {
	s := new(Spec)
	if err := readJSON(dir, specFile, s); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

func readRecord(dir string) (*record, error) {
	r := new(record)
	if err := readJSON(dir, recordFile, r); err != nil {
		return nil, err
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("lab host %q: record: version %d, this program reads %d", filepath.Base(dir), r.Version, recordVersion)
	}
	return r, nil
}

// lock takes the lock of a file, which is made if need be. It is released when
// the file is closed in all processes that have it. The error is errLocked
// where another one has it.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %q: open: %w", path, err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = errLocked
	case err == nil:
		return f, nil
	}
	f.Close()
	return nil, fmt.Errorf("lock %q: %w", path, err)
}

var errLocked = errors.New("another process has it")
