package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/peripherals/host"
)

// machine is a machine in its monitor's process.
type machine struct {
	description *configs.Machine
	renewal     *renewal               // of the guest before its programs go on; nil for one that boots
	origin      *supervisor.SnapshotID // what the machine went on from; nil for one that boots
	save        save                   // the last; each of its steps ends before the next begins
	dirs        manager.Dirs
	id          string      // the instance's
	unlocked    atomic.Bool // others may have the disks: the guest may not go on like that
	owned       atomic.Bool // of a machine that arrives: it is written down that it is this host's
	arrived     bool        // the machine has not been let go since it came from another host

	host     *host.Host
	process  *spawn.Process
	socket   string // of the monitor
	hello    control.Hello
	control  *control.Client // of the one goroutine that makes requests
	messages *messages
	closers  []func() error

	ended chan struct{}
	end   supervisor.End // set before ended is closed

	killOnce  sync.Once
	closeOnce sync.Once
	closeErr  error
}

func (m *machine) onClose(f func() error) { m.closers = append(m.closers, f) }

func (m *machine) PID() int { return m.process.PID }

func (m *machine) Held() (has, missing []string) {
	return m.hello.Has, m.hello.Missing
}

// redialTime is how long a monitor may take to greet again, whose last answer did not
// come in time or made no sense.
const redialTime = 2 * time.Second

// client is the connection to the monitor, made again where it is broken: one answer
// that came late must not be the last.
func (m *machine) client(ctx context.Context) (*control.Client, error) {
	if !m.control.Broken() {
		return m.control, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, redialTime, fmt.Errorf("the monitor did not greet within %v", redialTime))
	defer cancel()
	c, err := m.connect(ctx, m.socket)
	if err != nil {
		return nil, err
	}
	m.control = c
	return c, nil
}

// ask makes a request without a result.
func (m *machine) ask(ctx context.Context, request func(*control.Client) error) error {
	c, err := m.client(ctx)
	if err != nil {
		return err
	}
	return request(c)
}

func (m *machine) Published() []string { return m.host.Published }

// Run lets the vCPUs go. A guest that goes on from a snapshot is made the machine
// that it is to be before its programs go on.
func (m *machine) Run(ctx context.Context) error {
	if err := m.control.Start(ctx); err != nil || m.renewal == nil {
		return err
	}
	// The guest's programs wait for this, and what it takes is not the monitor's.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() { // it may go on after this
		<-m.ended
		cancel()
	}()
	m.renewal.run(ctx)
	return nil
}

func (m *machine) Pause(ctx context.Context) error {
	return m.ask(ctx, func(c *control.Client) error { return c.Pause(ctx) })
}

// Resume lets the guest go on. One that was handed over gets its disks back first.
func (m *machine) Resume(ctx context.Context) error {
	if m.unlocked.Load() {
		if err := m.host.LockDisks(); err != nil {
			return err
		}
		m.unlocked.Store(false)
	}
	if m.arrived {
		return m.Enter(ctx, false)
	}
	return m.ask(ctx, func(c *control.Client) error { return c.Resume(ctx) })
}

func (m *machine) PressPowerButton(ctx context.Context) error {
	return m.ask(ctx, func(c *control.Client) error { return c.PowerButton(ctx) })
}

// killTime is how long a monitor may take to end its machine in order.
const killTime = 10 * time.Second

// Kill has the monitor end its machine, and ends the monitor where it does not: it
// may be anybody's by now. It does not wait.
func (m *machine) Kill() {
	m.killOnce.Do(func() { go m.kill() })
}

func (m *machine) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	if m.askToEnd(ctx) == nil {
		select {
		case <-m.ended:
			return
		case <-ctx.Done():
		}
	}
	_ = m.process.Kill() // it fails for one that has ended, which is what is wanted
}

// askToEnd has a connection of its own: a request may be under way that is not
// answered.
func (m *machine) askToEnd(ctx context.Context) error {
	if m.hello.Version == 0 {
		return errors.New("it has never answered")
	}
	c, err := m.connect(ctx, m.socket)
	if err != nil {
		return err
	}
	return errors.Join(c.Kill(ctx), c.Close())
}

// Discard ends the monitor at once: in an orderly end it might write to disks that
// another host has.
func (m *machine) Discard() { _ = m.process.Kill() } // it fails for one that has ended

func (m *machine) SetBalloon(ctx context.Context, size uint64) error {
	return m.ask(ctx, func(c *control.Client) error { return c.SetBalloon(ctx, size) })
}

func (m *machine) SetDiskRates(ctx context.Context, disk string, r instance.DiskRates) error {
	return kinded(m.ask(ctx, func(c *control.Client) error {
		return c.SetDiskLimits(ctx, control.DiskLimits{Name: disk, Ops: r.OperationsPerSecond, Bytes: r.BytesPerSecond})
	}))
}

func (m *machine) ResizeConsole(ctx context.Context, size agent.WinSize) error {
	return kinded(m.ask(ctx, func(c *control.Client) error {
		return c.ResizeConsole(ctx, control.ConsoleSize{Rows: size.Rows, Cols: size.Columns})
	}))
}

// kinded gives a refusal of the monitor's its kind.
func kinded(err error) error {
	var refused *control.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch control.CodeOf(refused) {
	case control.NotFound, control.BadRequest:
		return &instance.Error{Kind: instance.KindInvalid, Err: err}
	case control.WrongState:
		return &instance.Error{Kind: instance.KindWrongState, Err: err}
	default:
		return err
	}
}

func (m *machine) Inspect(ctx context.Context) (*supervisor.Monitor, error) {
	c, err := m.client(ctx)
	if err != nil {
		return nil, err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	devices, err := c.Devices(ctx)
	if err != nil {
		return nil, err
	}
	d := &supervisor.Monitor{Writing: (*supervisor.Progress)(status.Writing), PID: m.process.PID, State: string(status.State), Held: m.hello.Has, NotHeld: m.hello.Missing}
	for _, v := range devices {
		d.Devices = append(d.Devices, supervisor.Device{Name: v.Name, Kind: v.Kind, Address: v.Address})
	}
	for _, v := range status.Timeline {
		d.Timeline = append(d.Timeline, supervisor.Mark{Name: v.Name, At: v.At})
	}
	return d, nil
}

func (m *machine) Ended() <-chan struct{} { return m.ended }

func (m *machine) End() supervisor.End { return m.end }

// Close lets go of what stood behind the machine, whose process has ended.
func (m *machine) Close() error {
	m.closeOnce.Do(func() {
		var errs []error
		if m.control != nil {
			_ = m.control.Close() // the other end is gone
		}
		if m.messages != nil {
			m.messages.handedOver()
			<-m.messages.done
		}
		if m.host != nil {
			errs = append(errs, m.host.Close())
		}
		for _, f := range slices.Backward(m.closers) {
			errs = append(errs, f())
		}
		m.closeErr = errors.Join(errs...)
	})
	return m.closeErr
}

// reasons are those of a monitor as an instance has them.
var reasons = map[string]instance.Reason{
	"power-off":      instance.PowerOff,
	"reset":          instance.Reset,
	"guest panic":    instance.GuestPanic,
	"triple fault":   instance.TripleFault,
	"kill":           instance.Killed,
	"internal error": instance.InternalError,
}

// exitSignalBase is added to a signal's number, as a shell does.
const exitSignalBase = 128

// endOf is how a monitor's process ended, by its word or, where it had none, by
// what became of it.
func endOf(e control.Exit, err error) supervisor.End {
	if err != nil {
		return supervisor.End{Reason: instance.MonitorCrash, Detail: err.Error()}
	}
	end := supervisor.End{Reason: reasons[e.Reason], Detail: e.Error}
	if end.Reason == "" {
		return supervisor.End{Reason: instance.MonitorCrash, Detail: fmt.Sprintf("the monitor gave %q as the reason for its end", e.Reason)}
	}
	if e.Status != nil {
		// It is the guest's word: whatever it says, a status has eight bits.
		status := e.Status.Code
		if e.Status.Signal != 0 {
			status = exitSignalBase + e.Status.Signal
		}
		status &= 0xff
		end.Status = &status
	}
	return end
}
