package monitortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/startup"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/snapshot/memfile"
)

// replyTime is how long peers may take to read the last replies.
const replyTime = 5 * time.Second

// Main is the process from its start to its end, and returns its exit status.
func Main() int {
	exit := os.NewFile(startup.ExitFD, "exit")
	ending, err := run()
	if err != nil {
		fmt.Fprintf(os.Stderr, "hull-vmm: %v\n", err)
		_ = startup.WriteEnding(exit, startup.Ending{Failed: err.Error()})
		return 125
	}
	if err := startup.WriteEnding(exit, startup.Ending{Exit: ending}); err != nil {
		fmt.Fprintf(os.Stderr, "hull-vmm: %v\n", err)
	}
	return 0
}

func run() (*control.Exit, error) {
	config, err := startup.Read(os.NewFile(startup.ConfigFD, "configuration"))
	if err != nil {
		return nil, err
	}
	files := config.Manifest.Open(startup.FirstFD)
	defer files.Close()
	var console io.ReadWriter = silence{}
	if f := files.TakeOne(handover.Terminal, ""); f != nil {
		c, err := net.FileConn(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		defer c.Close()
		console = c
	}
	f := os.NewFile(startup.ControlFD, "control")
	listener, err := net.FileListener(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	g := newGuest(console)
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(startup.LifelineFD, "lifeline"))
		g.end(control.Exit{Reason: "kill"})
	}()
	word, err := began(files)
	if err != nil {
		return nil, err
	}
	if word != "" {
		if _, err := fmt.Fprintf(console, "goes on, %s\n", word); err != nil {
			return nil, err
		}
	}
	server := control.NewServer(listener, &handler{guest: g, state: control.Ready, description: config.Machine, awaits: config.Incoming})
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	<-g.ended
	return &g.exit, errors.Join(server.Shutdown(replyTime), <-served)
}

// silence is the console of a machine that has none.
type silence struct{}

func (silence) Read([]byte) (int, error)    { return 0, io.EOF }
func (silence) Write(p []byte) (int, error) { return len(p), nil }

// handler does what is asked.
type handler struct {
	guest       *guest
	description string // a machine file

	mu      sync.Mutex
	state   control.State
	balloon uint64
	live    *memfile.Result // memory that Precopy has written

	movement *movement // nil unless the machine moves
	awaits   bool      // a state from another host
}

func (h *handler) Hello() control.Hello {
	return control.Hello{PID: os.Getpid(), Has: []string{}, Missing: []string{"a jail: this monitor is a test's"}}
}

// move takes the machine from one state to another.
func (h *handler) move(to control.State, from ...control.State) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range from {
		if h.state == f && !h.guest.over() {
			h.state = to
			h.guest.hold(to == control.Running)
			return nil
		}
	}
	return control.Errorf(control.WrongState, "the machine is %s", h.state)
}

func (h *handler) Start(context.Context) error {
	h.mu.Lock()
	awaits := h.awaits
	h.mu.Unlock()
	if awaits {
		return control.Errorf(control.WrongState, "start: the machine waits for another host's state")
	}
	if err := h.move(control.Running, control.Ready); err != nil {
		return err
	}
	go h.guest.live()
	return nil
}

func (h *handler) Pause(context.Context) error {
	return h.move(control.Paused, control.Running, control.Paused)
}

func (h *handler) Resume(context.Context) error {
	return h.move(control.Running, control.Running, control.Paused)
}

func (h *handler) PowerButton(context.Context) error {
	h.guest.pressed()
	return nil
}

func (h *handler) Kill(context.Context) error {
	h.guest.end(control.Exit{Reason: "kill"})
	return nil
}

func (h *handler) Wait(ctx context.Context) (control.Exit, error) {
	select {
	case <-h.guest.ended:
		return h.guest.exit, nil
	case <-ctx.Done():
		return control.Exit{}, context.Cause(ctx)
	}
}

func (h *handler) Status(context.Context) (control.Status, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := control.Status{State: h.state, Timeline: []control.Mark{}, Threads: []int{}}
	if h.guest.over() {
		s.State = control.Exited
	}
	return s, nil
}

func (h *handler) Balloon(context.Context) (control.Balloon, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return control.Balloon{Target: h.balloon, Actual: h.balloon}, nil
}

func (h *handler) SetBalloon(_ context.Context, n uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.balloon = n
	return nil
}

func (h *handler) Devices(context.Context) ([]control.Device, error) { return []control.Device{}, nil }

func (h *handler) Memory(context.Context) (control.Memory, error) { return control.Memory{}, nil }

// errNone answers for devices that the machine has not.
func errNone(kind, name string) error {
	return control.Errorf(control.NotFound, "%s %q: there is none", kind, name)
}

func (h *handler) SetDiskLimits(_ context.Context, l control.DiskLimits) error {
	return errNone("disk", l.Name)
}

func (h *handler) ResizeDisk(_ context.Context, s control.DiskSize) error {
	return errNone("disk", s.Name)
}
func (h *handler) SetLink(_ context.Context, l control.Link) error { return errNone("net", l.Name) }
func (h *handler) ResizeConsole(context.Context, control.ConsoleSize) error {
	return errNone("console", "hvc0")
}
func (h *handler) Dump(context.Context) (string, error) { return "", nil }
