package vmm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/vmstate"
)

// stopDeadline bounds every wait for a part of the machine: a part that has not
// answered by then is named in the error. It is generous because a host may be
// slow, and never met by one that works.
const stopDeadline = 30 * time.Second

// request is a typed wish for the driver; it is answered exactly once.
type request struct {
	kind  requestKind
	state *vmstate.State // that requestSave and requestDescribe fill
	reply chan<- error   // capacity 1
}

type requestKind int

const (
	requestPause requestKind = iota
	requestResume
	requestSave
	requestDescribe
)

// State is where a machine stands.
type State int32

// The states; see the package's diagram.
const (
	Ready State = iota // built, and not started
	Running
	Paused
	Ended
)

var stateNames = [...]string{Ready: "ready", Running: "running", Paused: "paused", Ended: "ended"}

func (s State) String() string { return stateNames[s] }

// State is where the machine stands now.
func (m *Machine) State() State { return State(m.state.Load()) }

// Pause holds every vCPU outside the guest. A paused machine that is paused
// again stays paused. It returns ErrNotRunning where the machine is not started
// or has ended.
func (m *Machine) Pause(ctx context.Context) error {
	return m.ask(ctx, request{kind: requestPause})
}

// Resume lets the vCPUs of a paused machine go on.
func (m *Machine) Resume(ctx context.Context) error {
	return m.ask(ctx, request{kind: requestResume})
}

func (m *Machine) ask(ctx context.Context, r request) error {
	if !m.started.Load() {
		return ErrNotRunning
	}
	reply := make(chan error, 1)
	r.reply = reply
	select {
	case m.requests <- r:
	case <-m.exited:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-reply:
		return err
	case <-m.exited:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drive is the goroutine that owns the lifecycle.
func (m *Machine) drive() {
	state := Running
	m.enter()
	m.throttle.allow(true)
	for {
		select {
		case e := <-m.endWith:
			m.throttle.end()
			m.exit = m.stop(e)
			m.state.Store(int32(Ended))
			close(m.exited)
			return
		case r := <-m.requests:
			m.throttle.allow(false)
			next, err := m.move(state, r)
			m.throttle.allow(next == Running)
			state = next
			m.state.Store(int32(state))
			r.reply <- err
		}
	}
}

// move takes the machine from state by a request; the table of legal moves.
func (m *Machine) move(state State, r request) (State, error) {
	switch {
	case r.kind == requestSave && state == Paused:
		return state, m.save(r.state)
	case r.kind == requestSave:
		return state, ErrNotPaused
	case r.kind == requestDescribe:
		return m.sketch(state, r.state)
	case r.kind == requestPause && state == Running:
		return m.hold()
	case r.kind == requestResume && state == Paused:
		return m.letGo()
	default:
		return state, nil // already there
	}
}

// hold takes the machine from Running to Paused.
func (m *Machine) hold() (State, error) {
	if err := m.everyVCPU((*vcpu).settle, toHeld); err != nil {
		return Running, errors.Join(err, m.everyVCPU(nil, toRunning))
	}
	m.pauseDevices()
	return Paused, nil
}

// letGo takes the machine from Paused to Running.
func (m *Machine) letGo() (State, error) {
	m.resumeDevices()
	// kvm-clock stood still for the guest's watchdogs only if they are told.
	if err := m.everyVCPU(pausedClock, toRunning); err != nil {
		return Paused, err
	}
	return Running, nil
}

// enter lets the vCPUs into the guest for the first time.
func (m *Machine) enter() {
	if m.restored == nil {
		_ = m.everyVCPU(nil, toRunning) // a vCPU that cannot run has ended the machine
		return
	}
	err := m.restored.startTime(m)
	if err == nil && m.restored.origin == Copied {
		err = m.RenewGeneration()
	}
	if err == nil {
		m.resumeDevices()
		err = m.everyVCPU(pausedClock, toRunning)
	}
	if err != nil {
		m.end(Exit{Reason: InternalError, Err: fmt.Errorf("restore: %w", err)})
	}
}

func (m *Machine) pauseDevices() {
	m.platform.pause()
	if m.pci != nil {
		m.pci.pause()
	}
}

func (m *Machine) resumeDevices() {
	if m.pci != nil {
		m.pci.resume()
	}
	m.platform.resume()
}

// pausedClock tells the guest, through kvm-clock, that it was stopped. A guest
// that has no kvm-clock has nothing to be told.
func pausedClock(v *vcpu) error {
	if err := v.fd.KVMClockCtrl(); err != nil && !errors.Is(err, kvm.ErrInvalid) {
		return err
	}
	return nil
}

// everyVCPU asks all vCPUs at the same time, and joins their errors.
func (m *Machine) everyVCPU(do func(*vcpu) error, next func(vcpuState) vcpuState) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), stopDeadline,
		fmt.Errorf("no answer within %v", stopDeadline))
	defer cancel()
	replies := make(chan error, len(m.vcpus))
	for _, v := range m.vcpus {
		go func() { replies <- v.ask(ctx, do, next) }()
	}
	var errs []error
	for range m.vcpus {
		errs = append(errs, <-replies)
	}
	return errors.Join(errs...)
}

// stop ends every thread of the machine: vCPUs first, so that no device is
// touched any more, then the devices' own goroutines. A part that does not stop
// turns the exit into an internal error that names it.
func (m *Machine) stop(e Exit) Exit {
	var errs []error
	if err := m.everyVCPU(nil, toFinished); err != nil {
		errs = append(errs, err)
	}
	deadline := time.After(stopDeadline)
	for _, v := range m.vcpus {
		select {
		case <-v.done:
		case <-deadline:
			errs = append(errs, fmt.Errorf("vCPU %d: did not stop within %v", v.index, stopDeadline))
		}
	}
	if m.pci != nil {
		m.pci.pause() // requests under way are done: what the guest was told is true
	}
	if err := m.platform.drain(stopDeadline); err != nil {
		errs = append(errs, err)
	}
	e.Status = m.platform.status()
	if err := errors.Join(errs...); err != nil {
		return Exit{Reason: InternalError, Status: e.Status, Err: errors.Join(e.Err, err)}
	}
	return e
}
