package passthrough

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// FS is a directory as a FUSE file system. Handle may be called from any number
// of goroutines.
type FS struct {
	o       Options
	id      *identity
	budget  *budget
	nodes   *nodes
	handles *handles
	buffers sync.Pool // of *[direntBuffer]byte

	// session is held for reading by every request, and for writing by what
	// begins and ends a session of the guest's.
	session sync.RWMutex
	started bool   // INIT was answered
	flags   uint64 // negotiated in INIT
}

// OpenProc returns a descriptor of this process's /proc/self/fd.
func OpenProc() (int, error) {
	fd, err := unix.Open("/proc/self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /proc/self/fd: %w", err)
	}
	return fd, nil
}

// New returns a file system of the directory that the options name. The
// descriptors in them are its own from then on, also where it fails.
func New(o Options) (*FS, error) {
	fs, err := newFS(o)
	if err != nil {
		unix.Close(o.Root)
		unix.Close(o.Proc)
		return nil, fmt.Errorf("shared directory: %w", err)
	}
	return fs, nil
}

func newFS(o Options) (*FS, error) {
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 64
	}
	id, err := newIdentity(o.Owner)
	if err != nil {
		return nil, err
	}
	b, err := newBudget(o.MaxOpen)
	if err != nil {
		return nil, err
	}
	root, _, err := stat(o.Root)
	if err != nil {
		return nil, fmt.Errorf("stat: %w", err)
	}
	if root.kind != unix.S_IFDIR {
		return nil, unix.ENOTDIR
	}
	fs := &FS{o: o, id: id, budget: b, nodes: newNodes(root, b), handles: newHandles(b)}
	fs.buffers.New = func() any { return new([direntBuffer]byte) }
	// The kernel must have what lookups need (Linux 5.6).
	dot, err := unix.Openat2(o.Root, ".", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: fs.resolve()})
	if err != nil {
		return nil, fmt.Errorf("openat2 (Linux 5.6 and later): %w", err)
	}
	unix.Close(dot)
	return fs, nil
}

// ChangesOwners reports whether what the guest makes belongs to the guest's
// users, rather than to the server's.
func (fs *FS) ChangesOwners() bool { return fs.id.switches }

// Close releases all descriptors. No request is under way.
func (fs *FS) Close() error {
	fs.end()
	return errors.Join(unix.Close(fs.o.Root), unix.Close(fs.o.Proc))
}

// end ends the guest's session, as if it had forgotten and closed everything.
func (fs *FS) end() {
	fs.session.Lock()
	defer fs.session.Unlock()
	fs.endLocked()
}

func (fs *FS) endLocked() {
	fs.started = false
	fs.flags = 0
	fs.handles.releaseAll()
	fs.nodes.forgetAll()
}

// has reports whether a flag was negotiated. The session is held.
func (fs *FS) has(flag uint64) bool { return fs.flags&flag != 0 }

// call is one request.
type call struct {
	fuse.InHeader
	body []byte
	out  *fuse.Reply
}

// Handle does a request, and writes the reply into the memory given, which is as
// much as the guest has for it. It returns the reply's length, 0 for none: there
// is none where the memory is too small for a header.
func (fs *FS) Handle(request, reply []byte) int {
	h, body, ok := fuse.ParseRequest(request)
	if len(reply) < fuse.OutHeaderSize {
		if ok {
			fs.silent(&call{InHeader: h, body: body})
		}
		return 0
	}
	c := &call{InHeader: h, body: body, out: fuse.NewReply(reply)}
	if !ok {
		return c.out.Finish(h.Unique, unix.EINVAL)
	}
	return c.out.Finish(h.Unique, errno(fs.run(c)))
}

// silent does what has no reply. It does not wait: while a session begins or
// ends, everything is forgotten anyway.
func (fs *FS) silent(c *call) {
	if !fs.session.TryRLock() {
		return
	}
	defer fs.session.RUnlock()
	switch c.Opcode {
	case fuse.FORGET:
		_ = fs.forget(c)
	case fuse.BATCH_FORGET:
		_ = fs.batchForget(c)
	}
}

// errno is what the guest is told of an error.
func errno(err error) unix.Errno {
	if err == nil {
		return 0
	}
	var e unix.Errno
	// Numbers from 512 on are between a kernel and itself.
	if !errors.As(err, &e) || e == 0 || e >= 512 || e == unix.EINTR {
		return unix.EIO
	}
	return e
}

// run does a request.
func (fs *FS) run(c *call) error {
	switch c.Opcode {
	case fuse.INIT:
		return fs.init(c)
	case fuse.DESTROY:
		fs.end()
		return nil
	}
	fs.session.RLock()
	defer fs.session.RUnlock()
	var op operation
	if uint64(c.Opcode) < uint64(len(operations)) {
		op = operations[c.Opcode]
	}
	switch {
	case op.do == nil:
		return unix.ENOSYS
	case !fs.started:
		return unix.EIO
	case op.changes && fs.o.ReadOnly:
		return unix.EROFS
	case op.xattr && !fs.o.Xattr:
		return unix.ENOSYS
	}
	return op.do(fs, c)
}

// Nodes is how many files the guest knows, the root among them.
func (fs *FS) Nodes() int { return fs.nodes.count() }

// Handles is how many files and directories the guest has open.
func (fs *FS) Handles() int { return fs.handles.count() }
