package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/kvm/ring0"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/jail"
	"github.com/hullvm/hull/monitor/startup"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmm"
)

// Exit statuses of the process.
const (
	statusEnded  = 0   // there was a machine, and it has ended
	statusFailed = 125 // there was none
)

// descriptors is how many the process may have: those of a vsock device with all its
// connections, and some for each queue of every other.
const descriptors = 16384

// gcPercent keeps the heap small, which hardly changes once the machine is built.
const gcPercent = 50

// tidyTime is how long after a machine was built the memory is given back that this
// has left. It takes longer than the rest of a restore, and nobody is to wait for it.
const tidyTime = time.Second

// How long peers may take at the end: those who are connected and have not waited for
// it, to ask how the machine ended; and all, to read the last replies.
const (
	askTime   = time.Second
	replyTime = 5 * time.Second
)

var errMemoryClosed = mem.ErrClosed

// Main is the process from its start to its end, and returns its exit status. args are
// its arguments without its name.
func Main(args []string) int {
	started := time.Now()
	a, err := startup.ParseArguments(args, jail.Namespaces, os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "hull-vmm: %v\n", err)
		return statusFailed
	}
	p := &process{started: started, signals: catch(), life: lifeline{after: lonelyTime, exit: os.Exit}}
	exit, err := p.run(a)
	ending := startup.Ending{Exit: exit}
	status := statusEnded
	if err != nil {
		ending, status = startup.Ending{Failed: err.Error()}, statusFailed
		fmt.Fprintf(os.Stderr, "hull-vmm: %s\n", oneLine(err))
	}
	// Who does not read it hears of the end by the control socket, or not at all.
	if p.exit != nil {
		_ = startup.WriteEnding(p.exit, ending)
		_ = p.exit.Close()
	}
	p.goodbye()
	return status
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// process is what a monitor's process has beside its machine.
type process struct {
	started time.Time
	signals <-chan os.Signal
	life    lifeline

	inherited []int // descriptors

	exit   *os.File        // takes the ending
	server *control.Server // nil before there is a machine
	served chan error
	told   <-chan struct{} // closed when a peer was told of the end
}

// run builds the machine and returns when it has ended. An error is why there was no
// machine.
func (p *process) run(a startup.Arguments) (*control.Exit, error) {
	debug.SetGCPercent(gcPercent)
	time.Local = time.UTC // whose data are in a file
	ring0.Promised()      // as are the processor's flags
	var err error
	if p.inherited, err = inherited(); err != nil {
		return nil, err
	}
	// Without it a snapshot costs more, and is none the worse.
	pagemap, _ := memfile.OpenPagemap()
	config, control, err := p.takeOver()
	if err != nil {
		return nil, err
	}
	confinement := &jail.Confinement{Missing: []string{"a jail: the process was started without"}}
	if !a.Unjailed {
		if confinement, err = jail.Enter(jail.Options{Namespaces: a.Namespaces, Files: descriptors}); err != nil {
			return nil, errors.Join(err, control.Close())
		}
	}
	b, err := p.build(config, confinement)
	if b != nil {
		b.pagemap = pagemap
	}
	if err != nil {
		return nil, errors.Join(err, control.Close())
	}
	time.AfterFunc(tidyTime, debug.FreeOSMemory) // what building has left
	exit := p.serve(newHandler(b, confinement), control)
	return &exit, nil
}

// build reads the configuration and builds the machine.
func (p *process) build(config *os.File, confinement *jail.Confinement) (*built, error) {
	c, err := startup.Read(config)
	if err = errors.Join(err, config.Close()); err != nil {
		return nil, err
	}
	if err := closeStrays(p.inherited, c.Manifest.Count()); err != nil {
		return nil, err
	}
	log := newLog(c.Verbose)
	log.Debug("the process is confined", "by", confinement.String())
	return build(c, c.Manifest.Open(startup.FirstFD), p.started, log)
}

// takeOver makes files of the descriptors that each process has.
func (p *process) takeOver() (config *os.File, control net.Listener, err error) {
	// Their readers wait without a thread. Who has the other ends is not concerned.
	for _, fd := range []int{startup.ConfigFD, startup.LifelineFD, startup.ExitFD, startup.ControlFD} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, nil, fmt.Errorf("descriptor %d: %w: hull-supervisor starts this program, for one instance; see \"hull start --help\"", fd, err)
		}
	}
	p.exit = os.NewFile(startup.ExitFD, "exit")
	p.life.watch(os.NewFile(startup.LifelineFD, "lifeline"))
	f := os.NewFile(startup.ControlFD, "control socket")
	defer f.Close()
	if control, err = net.FileListener(f); err != nil {
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	return os.NewFile(startup.ConfigFD, "configuration"), control, nil
}

func newLog(verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// serve does what is asked until the machine has ended and is closed.
func (p *process) serve(h *handler, listener net.Listener) control.Exit {
	p.server, p.served, p.told = control.NewServer(listener, h), make(chan error, 1), h.told
	go func() { p.served <- p.server.Serve() }()
	p.life.onCut(func() { _ = h.Kill(context.Background()) })
	done := make(chan struct{})
	defer close(done)
	go h.obey(p.signals, h.description.Lifecycle.StopTimeout.Duration(), os.Stderr, done)
	if input := h.input(); input != nil {
		h.terminal.typeInto(input)
	}
	ended := h.wait()
	h.shut()
	h.leave()
	exit := exitOf(ended, h.end())
	h.finish(exit)
	return exit
}

// goodbye answers who waits, or is about to, and takes no more requests.
func (p *process) goodbye() {
	if p.server == nil {
		return
	}
	p.server.Linger(p.told, askTime)
	if err := errors.Join(p.server.Shutdown(replyTime), <-p.served); err != nil {
		fmt.Fprintf(os.Stderr, "hull-vmm: %s\n", oneLine(err))
	}
}

// exitOf is how a machine ended, as it is told.
func exitOf(e vmm.Exit, closing error) control.Exit {
	exit := control.Exit{Reason: e.Reason.String()}
	if e.Status != nil {
		exit.Status = &control.GuestStatus{Code: e.Status.Code, Signal: e.Status.Signal}
	}
	if err := errors.Join(e.Err, closing); err != nil {
		exit.Error = oneLine(err)
	}
	return exit
}
