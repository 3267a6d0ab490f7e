package monitor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/snapshot/memfile"
)

// When a guest's memory has been written often enough while it runs: there is little
// left, or not much less than the time before, or it has taken long.
const (
	maxPasses  = 8
	fewBytes   = 4 << 20
	lessAtMost = 0.75 // of what was left before
)

// precopied is memory that is written while the guest runs.
type precopied struct {
	file *os.File
	live *memfile.Live
	left *memfile.PageSet // changed since the last pass
	done bool             // the last pass was made
}

// Precopy writes memory while the guest runs.
func (h *handler) Precopy(ctx context.Context, f *os.File, o control.PrecopyOptions) (control.Precopied, error) {
	if err := h.write(); err != nil {
		return control.Precopied{}, err
	}
	defer h.writing.Unlock()
	if s := states[h.machine.State()]; s != control.Running {
		return control.Precopied{}, control.Errorf(control.WrongState, "save: the machine is %s, and has to run while its memory is written", s)
	}
	if err := h.forget(); err != nil {
		return control.Precopied{}, err
	}
	result, err := h.precopy(ctx, f, o)
	if err != nil {
		err = errors.Join(err, h.forget())
	}
	return result, err
}

func (h *handler) precopy(ctx context.Context, f *os.File, o control.PrecopyOptions) (result control.Precopied, err error) {
	// The descriptor is this request's, and more are to follow.
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return result, fmt.Errorf("memory file: keep it: %w", err)
	}
	p := &precopied{file: os.NewFile(uintptr(fd), f.Name())}
	h.precopied = p
	if p.live, err = memfile.NewLive(p.file, h.machine.Memory(), h.memoryOptions()); err != nil {
		return result, err
	}
	defer h.progress.Store(nil)
	if err := h.log.start(); err != nil {
		return result, err
	}
	var pages *memfile.PageSet // all
	if o.Over != nil {
		pages, err = h.pagesOver(o.Over)
	} else {
		_, err = h.log.fetch() // what has changed by now is in the first pass
	}
	if err != nil {
		return result, err
	}
	for before := int64(0); ; before = result.Left {
		if err := p.live.Pass(ctx, pages); err != nil {
			return result, err
		}
		result.Passes++
		if p.left, err = h.log.fetch(); err != nil {
			return result, err
		}
		result.Left = p.left.Bytes()
		stuck := before > 0 && float64(result.Left) > lessAtMost*float64(before)
		if result.Left <= fewBytes || stuck || result.Passes == maxPasses {
			return result, nil
		}
		pages = p.left
	}
}

// memoryOptions say how memory is written, and have Status tell of it.
func (h *handler) memoryOptions() memfile.Options {
	return memfile.Options{Pagemap: h.pagemap, Base: h.base, Progress: func(done, total int64) {
		h.progress.Store(&control.Progress{Done: done, Total: total})
	}}
}

// lastPass writes what has changed since Precopy, of a machine that is held and whose
// state has been read.
func (h *handler) lastPass(ctx context.Context, pages *os.File) error {
	p := h.precopied
	if p == nil || p.done {
		return control.Errorf(control.WrongState, "save: nothing was written while the machine ran")
	}
	changed, err := h.log.fetch()
	if err == nil {
		err = p.left.AddAll(changed)
	}
	if err == nil {
		err = p.live.Pass(ctx, p.left)
	}
	if err != nil {
		return err
	}
	p.done = true
	switch set := p.live.Pages(); {
	case pages == nil && set == nil:
		return nil
	case pages == nil || set == nil:
		return control.Errorf(control.BadRequest, "save: what was written while the machine ran was over another snapshot's memory, or none's")
	default:
		return set.Encode(pages)
	}
}

// SaveSums writes the checksums of memory that Precopy and Save have written.
func (h *handler) SaveSums(ctx context.Context, f *os.File) (summed control.Summed, err error) {
	if err := h.write(); err != nil {
		return summed, err
	}
	defer h.writing.Unlock()
	p := h.precopied
	if p == nil || !p.done {
		return summed, control.Errorf(control.WrongState, "save: no memory was written that has no checksums")
	}
	defer func() { err = errors.Join(err, h.forget()) }()
	written, err := p.live.Finish(ctx)
	if err != nil {
		return summed, err
	}
	if err := written.Sums.Encode(f); err != nil {
		return summed, fmt.Errorf("memory checksums: write: %w", err)
	}
	digest := written.Sums.Digest()
	return control.Summed{Memory: written.Data, Digest: hex.EncodeToString(digest[:])}, nil
}

// ForgetSave ends what Precopy has begun.
func (h *handler) ForgetSave(context.Context) error {
	if h.write() != nil {
		return nil // a move has begun only because no save had
	}
	defer h.writing.Unlock()
	return h.forget()
}

func (h *handler) forget() error {
	var err error
	if h.precopied != nil {
		err = h.precopied.file.Close()
		h.precopied = nil
	}
	return errors.Join(err, h.log.rest())
}
