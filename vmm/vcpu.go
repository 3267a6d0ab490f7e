package vmm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/kvm"
)

// vcpuState is where a vCPU's goroutine stands.
//
//	held ──run──> running ──hold──> held
//	  └──finish──> finished <──finish──┘
//
// A vCPU is born held. It holds by itself once the machine is ending, and after
// an exit that it cannot go on from.
type vcpuState int

const (
	vcpuHeld vcpuState = iota
	vcpuRunning
	vcpuFinished
)

// errVCPUFinished answers a request to a vCPU whose goroutine has ended.
var errVCPUFinished = errors.New("vCPU has finished")

// vcpuRequest is a closure for a vCPU's own thread, and the state it leaves the
// vCPU in.
type vcpuRequest struct {
	do    func(*vcpu) error // may be nil
	next  func(vcpuState) vcpuState
	reply chan<- error // capacity 1: the vCPU never waits for the asker
}

func toHeld(vcpuState) vcpuState      { return vcpuHeld }
func toRunning(vcpuState) vcpuState   { return vcpuRunning }
func toFinished(vcpuState) vcpuState  { return vcpuFinished }
func unchanged(s vcpuState) vcpuState { return s }

// vcpu is one virtual CPU and the goroutine that owns it. Only that goroutine
// touches fd's registers and run page; others send requests.
type vcpu struct {
	index   int
	fd      *kvm.VCPU
	exits   *exitHandler
	cpuid   []kvm.CPUIDEntry // what CPUID answers; fixed before the vCPU runs
	mailbox chan vcpuRequest
	done    chan struct{} // closed when the goroutine has ended

	count atomic.Uint64 // exits to the monitor

	// ending is the machine's: once set, no vCPU enters the guest again.
	ending *atomic.Bool

	// kickMu keeps a kick from touching the run page after close.
	kickMu sync.Mutex
	tid    int // 0 until the goroutine runs, and after close
	closed bool
}

func newVCPU(index int, fd *kvm.VCPU, exits *exitHandler, ending *atomic.Bool) *vcpu {
	return &vcpu{
		index:   index,
		fd:      fd,
		exits:   exits,
		mailbox: make(chan vcpuRequest, 4),
		done:    make(chan struct{}),
		ending:  ending,
	}
}

// loop is the body of the vCPU's goroutine. The thread is never unlocked, so it
// ends with the goroutine and its name and signal state go with it.
func (v *vcpu) loop() {
	runtime.LockOSThread()
	defer close(v.done)
	nameThread(fmt.Sprintf("vcpu%d", v.index))
	v.kickMu.Lock()
	v.tid = unix.Gettid()
	v.kickMu.Unlock()

	state := vcpuHeld
	for state != vcpuFinished {
		if state == vcpuRunning && v.ending.Load() {
			state = vcpuHeld
		}
		if state == vcpuHeld {
			state = v.serve(<-v.mailbox, state)
			continue
		}
		select {
		case request := <-v.mailbox:
			state = v.serve(request, state)
			continue
		default:
		}
		if !v.runOnce() {
			state = vcpuHeld
		}
	}
	v.refuseLeftovers()
}

// runOnce enters the guest and handles the exit. It reports whether the vCPU can
// go on.
func (v *vcpu) runOnce() bool {
	err := v.fd.Run()
	switch {
	case err == nil:
		v.count.Add(1)
		return v.exits.handle(v)
	case errors.Is(err, unix.EINTR):
		// A kick, or a signal of the Go runtime's own. The flag is cleared
		// before the mailbox is read: a request sent after that sets it again.
		v.fd.SetImmediateExit(false)
		return true
	case errors.Is(err, unix.EAGAIN):
		// A secondary vCPU that has not had its SIPI yet was woken.
		return true
	default:
		v.exits.fail(v, err)
		return false
	}
}

// settle completes an access that the last exit was for: KVM does so, and the
// registers show it, only when the guest is entered again. The guest does not
// run. It is for the vCPU's thread.
func (v *vcpu) settle() error {
	for !v.ending.Load() {
		v.fd.SetImmediateExit(true)
		err := v.fd.Run()
		v.fd.SetImmediateExit(false)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("vCPU %d: complete its access: %w", v.index, err)
		case !v.exits.handle(v): // the next piece of an access that has several
			return nil
		}
	}
	return nil
}

func (v *vcpu) serve(r vcpuRequest, state vcpuState) vcpuState {
	var err error
	if r.do != nil {
		err = r.do(v)
	}
	r.reply <- err
	return r.next(state)
}

// refuseLeftovers answers requests that were sent while the vCPU finished.
func (v *vcpu) refuseLeftovers() {
	for {
		select {
		case r := <-v.mailbox:
			r.reply <- errVCPUFinished
		default:
			return
		}
	}
}

// ask has the vCPU's thread run do (which may be nil) between two entries of the
// guest, and waits for its answer.
func (v *vcpu) ask(ctx context.Context, do func(*vcpu) error, next func(vcpuState) vcpuState) error {
	reply := make(chan error, 1)
	select {
	case v.mailbox <- vcpuRequest{do: do, next: next, reply: reply}:
	case <-v.done:
		return errVCPUFinished
	case <-ctx.Done():
		return fmt.Errorf("vCPU %d: does not take requests: %w", v.index, context.Cause(ctx))
	}
	if err := v.kick(); err != nil {
		return err
	}
	select {
	case err := <-reply:
		return err
	case <-v.done:
		// The answer and the end may have come together.
		select {
		case err := <-reply:
			return err
		default:
			return errVCPUFinished
		}
	case <-ctx.Done():
		return fmt.Errorf("vCPU %d: does not answer: %w", v.index, context.Cause(ctx))
	}
}

// kick makes the vCPU leave the guest, or not enter it, so that it looks at its
// mailbox. The order is send, flag, signal: a vCPU on its way into the guest
// sees the flag, one inside it gets the signal. SIGURG is the one signal that
// the Go runtime lets come at any time.
func (v *vcpu) kick() error {
	v.kickMu.Lock()
	defer v.kickMu.Unlock()
	if v.closed {
		return errVCPUFinished
	}
	v.fd.SetImmediateExit(true)
	if v.tid == 0 {
		return nil // not started: it looks at the mailbox first
	}
	err := unix.Tgkill(unix.Getpid(), v.tid, unix.SIGURG)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("vCPU %d: kick: %w", v.index, err)
	}
	return nil
}

// thread is the number of the vCPU's thread, or 0.
func (v *vcpu) thread() int {
	v.kickMu.Lock()
	defer v.kickMu.Unlock()
	select {
	case <-v.done:
		return 0
	default:
		return v.tid
	}
}

// close releases the vCPU. Its goroutine must have ended, or never have started.
func (v *vcpu) close() error {
	v.kickMu.Lock()
	defer v.kickMu.Unlock()
	if v.closed {
		return nil
	}
	v.closed = true
	v.tid = 0
	return v.fd.Close()
}

// nameThread names the calling thread for tools such as top; a failure costs
// only the name.
func nameThread(name string) {
	b := make([]byte, 16) // TASK_COMM_LEN
	copy(b[:15], name)
	setThreadName(b)
}
