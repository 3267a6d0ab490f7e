package passthrough

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// key names a file of the host. The file of a node cannot go away, for the node
// has a descriptor of it: no two files have the same key.
type key struct {
	dev, ino, mount uint64
}

// node is a file that the guest knows.
type node struct {
	id   uint64
	key  key
	fd   int    // O_PATH
	kind uint32 // S_IFMT of its mode

	submount bool // a directory whose parent lies on another file system

	lookups uint64 // of the guest; guarded by nodes.mu
	uses    int    // requests that use it; guarded by nodes.mu
}

// nodes are the files that the guest knows.
type nodes struct {
	budget *budget

	mu    sync.Mutex // guards what follows
	byID  map[uint64]*node
	byKey map[key]*node
	last  uint64 // the id given out last; ids are never used again
}

func newNodes(root *node, b *budget) *nodes {
	root.id = fuse.RootID
	return &nodes{
		budget: b,
		byID:   map[uint64]*node{root.id: root},
		byKey:  map[key]*node{root.key: root},
		last:   root.id,
	}
}

// use finds a node for a request, which hands it back with done. An id that the
// guest was not given, or has forgotten, is ESTALE.
func (t *nodes) use(id uint64) (*node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byID[id]
	if n == nil {
		return nil, unix.ESTALE
	}
	n.uses++
	return n, nil
}

func (t *nodes) done(n *node) {
	t.mu.Lock()
	n.uses--
	drop := t.unusedLocked(n)
	t.mu.Unlock()
	t.close(drop, n)
}

// enter notes that the guest has looked fresh up. Where its file is known already
// it is dropped for the node that is. The node returned is in use.
func (t *nodes) enter(fresh *node) *node {
	t.mu.Lock()
	n := t.byKey[fresh.key]
	if n == nil {
		t.last++
		n = fresh
		n.id = t.last
		t.byID[n.id], t.byKey[n.key] = n, n
	}
	n.lookups++
	n.uses++
	t.mu.Unlock()
	t.close(n != fresh, fresh)
	return n
}

// again notes that the guest has looked up a node that is in use.
func (t *nodes) again(n *node) {
	t.mu.Lock()
	n.lookups++
	t.mu.Unlock()
}

// forget takes lookups back. More than there are is taken for all.
func (t *nodes) forget(id, lookups uint64) {
	t.mu.Lock()
	n := t.byID[id]
	drop := false
	if n != nil {
		n.lookups -= min(lookups, n.lookups)
		drop = t.unusedLocked(n)
	}
	t.mu.Unlock()
	t.close(drop, n)
}

// forgetAll takes all lookups back. No request uses a node.
func (t *nodes) forgetAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.byID {
		n.lookups = 0
		t.close(t.unusedLocked(n), n)
	}
}

// unusedLocked takes a node out that nobody knows any more, and reports whether
// it is to be closed.
func (t *nodes) unusedLocked(n *node) bool {
	if n.lookups > 0 || n.uses > 0 || n.id == fuse.RootID || t.byID[n.id] != n {
		return false
	}
	delete(t.byID, n.id)
	delete(t.byKey, n.key)
	return true
}

func (t *nodes) close(drop bool, n *node) {
	if drop {
		unix.Close(n.fd)
		t.budget.give()
	}
}

func (t *nodes) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID)
}
