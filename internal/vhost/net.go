package vhost

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Path is where the kernel offers vhost-net.
const Path = "/dev/vhost-net"

// The rings of a pair (VHOST_NET_VQ_RX and VHOST_NET_VQ_TX).
const (
	RX    = 0
	TX    = 1
	rings = 2
)

// Region is a piece of guest memory that is mapped in this process.
type Region struct {
	Guest uint64 // guest-physical address
	Size  uint64 // bytes
	User  uint64 // address in this process
}

// Ring is a split ring. Its areas lie in memory of this process.
type Ring struct {
	Size              uint16 // entries
	Desc, Avail, Used uint64 // addresses in this process
	Next              uint16 // the available index to go on from
	Kick, Call        int    // eventfds: the driver's notifications, its interrupt
}

// Setup is what the kernel is to serve.
type Setup struct {
	Features uint64 // negotiated; all of them are among Net.Features
	Memory   []Region
	Rings    [rings]Ring
	Backend  int // a queue of a tap; -1 for none yet

	// Broken is called once from a goroutine of its own where the kernel finds
	// that the driver broke a ring, and stops serving it.
	Broken func(error)
}

// Net is an open vhost-net device, for one pair of queues. Its methods are called
// one at a time, in the process whose memory the guest's is.
type Net struct {
	file     *os.File
	fd       int
	call     func(fd int, nr ioctl, arg any) error
	features uint64
	started  bool
	owned    bool
	watch    *watch
}

// Open opens the kernel's vhost-net.
func Open() (*os.File, error) {
	f, err := os.OpenFile(Path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: load the module vhost_net", err)
	}
	return f, err
}

// New takes an open vhost-net over; where there is an error it is closed.
func New(f *os.File) (*Net, error) {
	n := &Net{file: f, call: system}
	conn, err := f.SyscallConn()
	if err == nil {
		// The file stays open, and so does its number, until Close.
		err = conn.Control(func(fd uintptr) { n.fd = int(fd) })
	}
	if err == nil {
		err = n.probe()
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("vhost-net: %w", err)
	}
	return n, nil
}

func (n *Net) probe() error { return n.do("VHOST_GET_FEATURES", ioGetFeatures, &n.features) }

func (n *Net) do(name string, nr ioctl, arg any) error {
	if err := n.call(n.fd, nr, arg); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Features are those of virtio that the kernel can serve.
func (n *Net) Features() uint64 { return n.features }

// Start lets the kernel serve the rings. A kick that came before is not known to
// it: kick both afterwards.
func (n *Net) Start(s Setup) error {
	if n.started {
		return errors.New("vhost-net: started already")
	}
	err := n.start(s)
	if err != nil {
		_ = n.detach()
		n.stopWatch()
		return fmt.Errorf("vhost-net: %w", err)
	}
	n.started = true
	return nil
}

func (n *Net) start(s Setup) error {
	if missing := s.Features &^ n.features; missing != 0 {
		return fmt.Errorf("features %#x: the kernel lacks %#x", s.Features, missing)
	}
	table, err := tableOf(s.Memory)
	if err != nil {
		return err
	}
	if !n.owned {
		// The kernel's thread works in the memory of the process that asks.
		if err := n.do("VHOST_SET_OWNER", ioSetOwner, nil); err != nil {
			return err
		}
		n.owned = true
	}
	if err := n.do("VHOST_SET_FEATURES", ioSetFeatures, &s.Features); err != nil {
		return err
	}
	if err := n.do("VHOST_SET_MEM_TABLE", ioSetMemTable, table); err != nil {
		return err
	}
	if n.watch, err = newWatch(s.Broken); err != nil {
		return err
	}
	for i, r := range s.Rings {
		if err := n.ring(uint32(i), r); err != nil {
			return fmt.Errorf("ring %d: %w", i, err)
		}
	}
	return n.attach(s.Backend)
}

func tableOf(regions []Region) (*memoryTable, error) {
	if len(regions) > maxRegions {
		return nil, fmt.Errorf("%d regions of memory: at most %d", len(regions), maxRegions)
	}
	t := &memoryTable{count: uint32(len(regions))}
	for i, r := range regions {
		t.regions[i] = memoryRegion{guest: r.Guest, size: r.Size, user: r.User}
	}
	return t, nil
}

func (n *Net) ring(i uint32, r Ring) error {
	for _, c := range []struct {
		name string
		nr   ioctl
		arg  any
	}{
		{"VHOST_SET_VRING_NUM", ioSetVringNum, &vringState{index: i, num: uint32(r.Size)}},
		{"VHOST_SET_VRING_BASE", ioSetVringBase, &vringState{index: i, num: uint32(r.Next)}},
		{"VHOST_SET_VRING_ADDR", ioSetVringAddr, &vringAddr{index: i, desc: r.Desc, avail: r.Avail, used: r.Used}},
		{"VHOST_SET_VRING_CALL", ioSetVringCall, &vringFile{index: i, fd: int32(r.Call)}},
		{"VHOST_SET_VRING_ERR", ioSetVringErr, &vringFile{index: i, fd: int32(n.watch.fd())}},
		{"VHOST_SET_VRING_KICK", ioSetVringKick, &vringFile{index: i, fd: int32(r.Kick)}},
	} {
		if err := n.do(c.name, c.nr, c.arg); err != nil {
			return err
		}
	}
	return nil
}

// attach joins both rings to a tap's queue, or to nothing.
func (n *Net) attach(fd int) error {
	for i := range uint32(rings) {
		if err := n.do("VHOST_NET_SET_BACKEND", ioSetBackend, &vringFile{index: i, fd: int32(fd)}); err != nil {
			return fmt.Errorf("ring %d: %w", i, err)
		}
	}
	return nil
}

func (n *Net) detach() error { return n.attach(-1) }

// SetBackend joins the rings that are served to a queue of a tap, or with -1 to
// nothing. Frames that are under way pass first.
func (n *Net) SetBackend(fd int) error {
	if !n.started {
		return errors.New("vhost-net: set backend: not started")
	}
	if err := n.attach(fd); err != nil {
		return fmt.Errorf("vhost-net: %w", err)
	}
	return nil
}

// Stop ends the kernel's work on the rings, and returns for each the available
// index that it would have gone on from. All before it are used.
func (n *Net) Stop() (next [rings]uint16, err error) {
	if !n.started {
		return next, errors.New("vhost-net: stop: not started")
	}
	n.started = false
	err = n.detach()
	for i := range uint32(rings) {
		state := vringState{index: i}
		err = errors.Join(err, n.do("VHOST_GET_VRING_BASE", ioGetVringBase, &state))
		next[i] = uint16(state.num)
		// The kernel lets go of what belongs to this activation.
		for _, file := range []struct {
			name string
			nr   ioctl
		}{{"VHOST_SET_VRING_KICK", ioSetVringKick}, {"VHOST_SET_VRING_CALL", ioSetVringCall}, {"VHOST_SET_VRING_ERR", ioSetVringErr}} {
			err = errors.Join(err, n.do(file.name, file.nr, &vringFile{index: i, fd: -1}))
		}
	}
	n.stopWatch()
	if err != nil {
		return next, fmt.Errorf("vhost-net: stop: %w", err)
	}
	return next, nil
}

func (n *Net) stopWatch() {
	if n.watch != nil {
		n.watch.close()
		n.watch = nil
	}
}

// Close releases the device, which stops it.
func (n *Net) Close() error {
	n.stopWatch()
	if err := n.file.Close(); err != nil {
		return fmt.Errorf("vhost-net: %w", err)
	}
	return nil
}

// watch waits for the kernel to signal that a ring is broken.
type watch struct {
	file *os.File
	raw  int
	done sync.WaitGroup
}

func newWatch(broken func(error)) (*watch, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	w := &watch{file: os.NewFile(uintptr(fd), "vhost errors"), raw: fd}
	w.done.Go(func() {
		var n [8]byte
		if _, err := w.file.Read(n[:]); err == nil && broken != nil {
			broken(errors.New("vhost-net found a ring broken"))
		}
	})
	return w, nil
}

func (w *watch) fd() int { return w.raw }

func (w *watch) close() {
	_ = w.file.Close()
	w.done.Wait()
}
