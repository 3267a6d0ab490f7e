package monitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmm"
	"github.com/hullvm/hull/vmstate"
)

// Save writes a paused machine down. Nobody resumes it meanwhile.
func (h *handler) Save(ctx context.Context, f control.SaveFiles) (control.Saved, error) {
	h.saving.Lock()
	defer h.saving.Unlock()
	saved, err := h.save(ctx, f)
	if errors.Is(err, vmm.ErrNotPaused) || errors.Is(err, vmm.ErrNotRunning) {
		err = control.Errorf(control.WrongState, "save: the machine is %v, and has to be paused", h.machine.State())
	}
	return saved, err
}

func (h *handler) save(ctx context.Context, f control.SaveFiles) (saved control.Saved, err error) {
	state := vmstate.New()
	if err := h.machine.Save(ctx, state); err != nil {
		return saved, err
	}
	if saved.State, saved.StateSum, err = writeState(f.State, state); err != nil {
		return saved, err
	}
	written, err := memfile.Write(ctx, f.Memory, h.machine.Memory(), memfile.Options{Pagemap: h.pagemap, Base: h.base})
	if err != nil {
		return saved, err
	}
	if err := written.Sums.Encode(f.Sums); err != nil {
		return saved, fmt.Errorf("memory checksums: write: %w", err)
	}
	digest := written.Sums.Digest()
	saved.TSCKHz = h.machine.TSCKHz()
	saved.Memory, saved.Digest = written.Data, hex.EncodeToString(digest[:])
	return saved, h.flush()
}

// writeState writes a state, and returns its length and SHA-256.
func writeState(f *os.File, s *vmstate.State) (int64, string, error) {
	sum := sha256.New()
	if err := s.Write(io.MultiWriter(f, sum)); err != nil {
		return 0, "", err
	}
	n, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, "", fmt.Errorf("state: %w", err)
	}
	return n, hex.EncodeToString(sum.Sum(nil)), nil
}

// flush has the disks' files hold what the guest has written.
func (h *handler) flush() error {
	return h.use(func() error {
		var errs []error
		for name, image := range h.devices.Images {
			if err := image.Flush(); err != nil {
				errs = append(errs, fmt.Errorf("disk %q: flush: %w", name, err))
			}
		}
		return errors.Join(errs...)
	})
}
