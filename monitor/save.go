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
func (h *handler) Save(ctx context.Context, f control.SaveFiles, o control.SaveOptions) (control.Saved, error) {
	if err := h.write(); err != nil {
		return control.Saved{}, err
	}
	defer h.writing.Unlock()
	h.saving.Lock()
	defer h.saving.Unlock()
	defer h.progress.Store(nil)
	saved, err := h.save(ctx, f, o)
	if errors.Is(err, vmm.ErrNotPaused) || errors.Is(err, vmm.ErrNotRunning) {
		err = control.Errorf(control.WrongState, "save: the machine is %v, and has to be paused", h.machine.State())
	}
	return saved, err
}

func (h *handler) save(ctx context.Context, f control.SaveFiles, o control.SaveOptions) (saved control.Saved, err error) {
	state := vmstate.New()
	if err := h.machine.Save(ctx, state); err != nil {
		return saved, err
	}
	if saved.State, saved.StateSum, err = writeState(f.State, state); err != nil {
		return saved, err
	}
	saved.TSCKHz = h.machine.TSCKHz()
	if o.Live {
		err = h.lastPass(ctx, f.Map)
	} else {
		saved.Memory, saved.Digest, err = h.writeMemory(ctx, f, o.Over)
	}
	if err == nil && o.Track != "" {
		err = h.log.track(o.Track)
	}
	if err != nil {
		return saved, err
	}
	return saved, h.flush()
}

// writeMemory writes what RAM holds, or what differs from another snapshot's, with its
// checksums. It returns how many bytes are no holes, and the checksums' digest.
func (h *handler) writeMemory(ctx context.Context, f control.SaveFiles, over *control.Over) (int64, string, error) {
	written, err := h.writePages(ctx, f, over)
	if err != nil {
		return 0, "", err
	}
	if err := written.Sums.Encode(f.Sums); err != nil {
		return 0, "", fmt.Errorf("memory checksums: write: %w", err)
	}
	digest := written.Sums.Digest()
	return written.Data, hex.EncodeToString(digest[:]), nil
}

func (h *handler) writePages(ctx context.Context, f control.SaveFiles, over *control.Over) (*memfile.Result, error) {
	if over == nil {
		return memfile.Write(ctx, f.Memory, h.machine.Memory(), h.memoryOptions())
	}
	pages, err := h.pagesOver(over)
	if err != nil {
		return nil, err
	}
	if err := pages.Encode(f.Map); err != nil {
		return nil, fmt.Errorf("memory map: write: %w", err)
	}
	return memfile.WriteRuns(ctx, f.Memory, h.machine.Memory(), pages, h.memoryOptions())
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
