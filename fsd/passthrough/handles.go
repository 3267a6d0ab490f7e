package passthrough

import (
	"sync"

	"golang.org/x/sys/unix"
)

// handle is a file or a directory that the guest has open.
type handle struct {
	id  uint64
	fd  int
	dir bool

	uses     int  // requests that use it; guarded by handles.mu
	released bool // guarded by handles.mu

	mu sync.Mutex // guards the position of a directory's fd
	at int64      // where it stands; -1 where that is not known
}

// handles are what the guest has open.
type handles struct {
	budget *budget

	mu   sync.Mutex // guards what follows
	byID map[uint64]*handle
	last uint64
}

func newHandles(b *budget) *handles {
	return &handles{budget: b, byID: make(map[uint64]*handle)}
}

// add takes fd, which is charged to the budget.
func (t *handles) add(fd int, dir bool) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.byID[t.last] = &handle{id: t.last, fd: fd, dir: dir}
	return t.last
}

// use finds a handle of a file, or of a directory, for a request, which hands it
// back with done.
func (t *handles) use(id uint64, dir bool) (*handle, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.byID[id]
	if h == nil || h.dir != dir {
		return nil, unix.EBADF
	}
	h.uses++
	return h, nil
}

func (t *handles) done(h *handle) {
	t.mu.Lock()
	h.uses--
	drop := h.released && h.uses == 0
	t.mu.Unlock()
	t.close(drop, h)
}

// release closes a handle as soon as no request uses it.
func (t *handles) release(id uint64, dir bool) error {
	t.mu.Lock()
	h := t.byID[id]
	if h == nil || h.dir != dir {
		t.mu.Unlock()
		return unix.EBADF
	}
	delete(t.byID, id)
	h.released = true
	drop := h.uses == 0
	t.mu.Unlock()
	t.close(drop, h)
	return nil
}

// releaseAll closes all handles. No request uses one.
func (t *handles) releaseAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, h := range t.byID {
		delete(t.byID, id)
		t.close(true, h)
	}
}

func (t *handles) close(drop bool, h *handle) {
	if drop {
		unix.Close(h.fd)
		t.budget.give()
	}
}

func (t *handles) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID)
}
