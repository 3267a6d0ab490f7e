package monitor

import (
	"errors"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmm"
)

// pageLog is the log of pages that the guest writes, and what has been fetched of it
// since a snapshot. handler.writing guards it.
type pageLog struct {
	machine *vmm.Machine
	running bool
	since   string           // the snapshot that changed is about; empty for none
	changed *memfile.PageSet // fetched since that
}

// start starts the log, if it does not run.
func (l *pageLog) start() error {
	if l.running {
		return nil
	}
	err := l.machine.StartDirtyLog()
	l.running = err == nil
	return err
}

// fetch takes what has changed since the last time. Where that fails, nobody knows
// any more what has changed since a snapshot.
func (l *pageLog) fetch() (*memfile.PageSet, error) {
	pages, err := l.take()
	if err == nil && l.since != "" {
		err = l.changed.AddAll(pages)
	}
	if err != nil {
		l.since = ""
		return nil, err
	}
	return pages, nil
}

func (l *pageLog) take() (*memfile.PageSet, error) {
	bitmaps := l.machine.DirtyPages()
	if err := l.machine.FetchDirty(bitmaps); err != nil {
		return nil, err
	}
	pages, err := l.none()
	if err != nil {
		return nil, err
	}
	slots := l.machine.Memory().Slots()
	for i, s := range slots {
		if err := pages.AddSlot(slots, s.ID, bitmaps[i]); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

func (l *pageLog) none() (*memfile.PageSet, error) {
	return memfile.NewPageSet(int64(l.machine.MemorySize()))
}

// track has the log be about what changes from here on, where the guest is held and
// all that was fetched is in the snapshot of that name.
func (l *pageLog) track(snapshot string) error {
	if err := l.start(); err != nil {
		return err
	}
	if _, err := l.fetch(); err != nil {
		return err
	}
	changed, err := l.none()
	if err != nil {
		return err
	}
	l.since, l.changed = snapshot, changed
	return nil
}

// rest stops the log, unless it is about a snapshot.
func (l *pageLog) rest() error {
	if !l.running || l.since != "" {
		return nil
	}
	l.running = false
	return l.machine.StopDirtyLog()
}

// pagesOver is the set of pages that may differ from a snapshot's. The log runs from
// before the set was made.
func (h *handler) pagesOver(o *control.Over) (*memfile.PageSet, error) {
	switch {
	case h.log.running && h.log.since == o.Snapshot && o.Snapshot != "":
		if _, err := h.log.fetch(); err != nil {
			return nil, err
		}
		pages, err := h.log.none()
		if err != nil {
			return nil, err
		}
		return pages, pages.AddAll(h.log.changed)
	case o.Origin:
		pages, err := memfile.Differing(h.machine.Memory(), h.pagemap)
		if errors.Is(err, memfile.ErrNoImage) {
			err = control.Errorf(control.WrongState, "which pages differ from snapshot %.64q is not known: %w", o.Snapshot, err)
		}
		return pages, err
	}
	return nil, control.Errorf(control.WrongState,
		"which pages differ from snapshot %.64q is not known: the machine did not go on from it, and is not tracked since", o.Snapshot)
}
