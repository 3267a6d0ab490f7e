package monitor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hullvm/hull/internal/ratelimit"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/jail"
	"github.com/hullvm/hull/vmm"
)

// handler does what is asked over the control socket.
type handler struct {
	*built
	confinement *jail.Confinement

	saving sync.RWMutex // held for writing while the machine is written down

	progress  atomic.Pointer[control.Progress] // of memory that is being written; nil for none
	writing   sync.Mutex                       // held over each step of a save; guards what follows
	log       pageLog
	precopied *precopied // nil unless a save has begun that way

	moves    moves
	receives receives

	mu      sync.Mutex // guards started
	started bool       // or killed before

	using sync.RWMutex // held for reading while a device is used; guards over
	over  bool         // the devices are closed, or are about to be

	ended chan struct{} // closed after exit is set
	exit  control.Exit

	telling sync.Once
	told    chan struct{} // closed when somebody is told of the end
}

func newHandler(b *built, c *jail.Confinement) *handler {
	return &handler{
		built: b, confinement: c, log: pageLog{machine: b.machine},
		ended: make(chan struct{}), told: make(chan struct{}),
	}
}

// shut keeps requests from devices that are to be closed.
func (h *handler) shut() {
	h.using.Lock()
	defer h.using.Unlock()
	h.over = true
}

// leave ends what other hosts send and are sent.
func (h *handler) leave() {
	if m := h.moving(); m != nil {
		m.sender.Close()
	}
	h.endReceive()
}

// use does something with a device, which is not closed meanwhile.
func (h *handler) use(do func() error) error {
	h.using.RLock()
	defer h.using.RUnlock()
	if h.over {
		return h.running(vmm.ErrNotRunning)
	}
	return do()
}

// finish answers those who wait.
func (h *handler) finish(exit control.Exit) {
	h.exit = exit
	close(h.ended)
}

// Hello says what holds the process.
func (h *handler) Hello() control.Hello {
	hello := control.Hello{PID: os.Getpid(), Has: []string{}, Missing: []string{}}
	hello.Has = append(hello.Has, h.confinement.Has...)
	hello.Missing = append(hello.Missing, h.confinement.Missing...)
	return hello
}

// Start lets the vCPUs into the guest.
func (h *handler) Start(context.Context) error {
	if h.machine.Awaits() {
		return control.Errorf(control.WrongState, "start: the machine waits for another host's state")
	}
	if !h.begin() {
		return control.Errorf(control.WrongState, "start: the machine is %v", h.machine.State())
	}
	h.machine.Start()
	if h.received() {
		go h.announceMoved()
	}
	return nil
}

// begin reports whether it was the first that did.
func (h *handler) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := !h.started
	h.started = true
	return first
}

// Kill ends the machine. One that was not started is started for that: no vCPU of it
// enters the guest.
func (h *handler) Kill(context.Context) error {
	h.machine.Kill()
	if h.begin() {
		h.machine.Start()
	}
	return nil
}

// states are those of a machine by their names here.
var states = map[vmm.State]control.State{
	vmm.Ready: control.Ready, vmm.Running: control.Running, vmm.Paused: control.Paused, vmm.Ended: control.Exited,
}

// Status says how the machine is.
func (h *handler) Status(context.Context) (control.Status, error) {
	s := control.Status{
		State: states[h.machine.State()], Timeline: []control.Mark{}, Threads: h.machine.Threads(), Writing: h.progress.Load(),
	}
	for _, m := range h.machine.Timeline() {
		s.Timeline = append(s.Timeline, control.Mark(m))
	}
	return s, nil
}

// Pause holds the vCPUs.
func (h *handler) Pause(ctx context.Context) error { return h.running(h.machine.Pause(ctx)) }

// Resume lets them go on.
func (h *handler) Resume(ctx context.Context) error {
	if !h.saving.TryRLock() {
		return control.Errorf(control.WrongState, "resume: the machine is being saved")
	}
	defer h.saving.RUnlock()
	return h.running(h.machine.Resume(ctx))
}

// running gives an error of a machine that does not run its code.
func (h *handler) running(err error) error {
	if errors.Is(err, vmm.ErrNotRunning) {
		return control.Errorf(control.WrongState, "the machine is %v", h.machine.State())
	}
	return err
}

// PowerButton presses it.
func (h *handler) PowerButton(context.Context) error {
	if s := h.machine.State(); s == vmm.Ready || s == vmm.Ended {
		return h.running(vmm.ErrNotRunning)
	}
	h.machine.PowerButton()
	return nil
}

// Wait waits until the machine has ended and all is drained.
func (h *handler) Wait(ctx context.Context) (control.Exit, error) {
	select {
	case <-h.ended:
		h.telling.Do(func() { close(h.told) })
		return h.exit, nil
	case <-ctx.Done():
		return control.Exit{}, context.Cause(ctx)
	}
}

// maxDump is the most bytes of a dump: those of a frame, with room for escapes.
const maxDump = control.MaxFrame / 4

// Dump tells where the vCPUs stand.
func (h *handler) Dump(context.Context) (string, error) {
	var b bytes.Buffer
	if err := h.machine.Dump(&b); err != nil {
		return "", h.running(err)
	}
	return b.String()[:min(b.Len(), maxDump)], nil
}

// Balloon says how much memory the guest gives up.
func (h *handler) Balloon(context.Context) (control.Balloon, error) {
	d := h.devices.Balloon
	if d == nil {
		return control.Balloon{}, control.Errorf(control.NotFound, "the machine has no balloon")
	}
	return control.Balloon{Target: d.Target(), Actual: d.Actual()}, nil
}

// SetBalloon has the guest give up so much. More than it has is what it has.
func (h *handler) SetBalloon(_ context.Context, n uint64) error {
	d := h.devices.Balloon
	if d == nil {
		return control.Errorf(control.NotFound, "the machine has no balloon")
	}
	if size := h.machine.MemorySize(); n > size {
		return control.Errorf(control.BadRequest, "balloon of %d bytes: the guest has %d", n, size)
	}
	return h.use(func() error { return d.SetTarget(n) })
}

// SetDiskLimits changes a disk's limits.
func (h *handler) SetDiskLimits(_ context.Context, l control.DiskLimits) error {
	d := h.devices.Disks[l.Name]
	if d == nil {
		return control.Errorf(control.NotFound, "disk %q: the machine has none of that name", l.Name)
	}
	return h.use(func() error {
		d.SetLimits(ratelimit.Limits{
			Ops:   ratelimit.Rate{PerSecond: l.Ops, Burst: l.OpsBurst},
			Bytes: ratelimit.Rate{PerSecond: l.Bytes, Burst: l.BytesBurst},
		})
		return nil
	})
}

// ResizeDisk changes a disk's size, or takes over its file's.
func (h *handler) ResizeDisk(_ context.Context, s control.DiskSize) error {
	d, image := h.devices.Disks[s.Name], h.devices.Images[s.Name]
	if d == nil {
		return control.Errorf(control.NotFound, "disk %q: the machine has none of that name", s.Name)
	}
	resize := func() error { return image.Resize(s.Bytes) }
	if s.Bytes == 0 {
		file, ok := image.(interface{ Refresh() error })
		if !ok {
			return control.Errorf(control.BadRequest, "disk %q: a qcow2 image's size is not its file's: say how many bytes", s.Name)
		}
		resize = file.Refresh
	}
	return h.use(func() error {
		if err := resize(); err != nil {
			return err
		}
		d.Resize()
		return nil
	})
}

// SetLink plugs a cable in or pulls it.
func (h *handler) SetLink(_ context.Context, l control.Link) error {
	d := h.devices.Nets[l.Name]
	if d == nil {
		return control.Errorf(control.NotFound, "net %q: the machine has none of that name", l.Name)
	}
	return h.use(func() error {
		d.SetLink(l.Up)
		return nil
	})
}

// ResizeConsole tells the guest how large its virtio console's terminal is.
func (h *handler) ResizeConsole(_ context.Context, s control.ConsoleSize) error {
	if h.devices.Console == nil {
		return control.Errorf(control.NotFound, "the machine has no virtio console")
	}
	return h.use(func() error {
		h.devices.Console.Resize(s.Cols, s.Rows)
		return nil
	})
}

// Devices lists what is on the PCI bus.
func (h *handler) Devices(context.Context) ([]control.Device, error) {
	list := []control.Device{}
	for i, d := range h.devices.Devices {
		label := h.devices.Labels[i]
		list = append(list, control.Device{
			Name: label.Name, Kind: label.Kind, Address: vmm.PCIAddress(i), Counters: counters(d.Device),
		})
	}
	return list, nil
}

// Memory says how much there is, and how much of it the host holds.
func (h *handler) Memory(context.Context) (control.Memory, error) {
	resident, err := h.machine.MemoryResident()
	if errors.Is(err, errMemoryClosed) {
		resident, err = 0, nil
	}
	return control.Memory{Size: h.machine.MemorySize(), Resident: resident}, err
}
