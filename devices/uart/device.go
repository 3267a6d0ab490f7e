package uart

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/internal/writebehind"
)

// closeDeadline is how long Close waits for an output that is in a write.
const closeDeadline = time.Second

// Config is what a UART is made of.
type Config struct {
	Name   string        // of the region, and in errors: COM1
	Base   uint64        // the first of 8 ports
	Line   devices.Line  // its interrupt; nil for none
	Output io.Writer     // what the guest sends; nil to discard it
	Clock  devices.Clock // nil for the host's
}

// UART is a serial port.
type UART struct {
	name  string
	base  uint64
	line  devices.Line
	clock devices.Clock
	out   *writebehind.Writer

	writers sync.Mutex // held by the one Write that is under way, before mu

	mu     sync.Mutex // guards what follows; before that of out
	chip   chip
	level  bool // as line was last set
	paused bool
	closed bool
	timer  devices.Timer // for the character timeout; nil for none
	due    time.Time     // when timer calls
	input  []byte        // what the Write under way has left
	taken  *sync.Cond    // on mu: input is empty, or the UART is closed
}

// New returns a UART that is ready for use. Close ends its goroutine.
func New(c Config) *UART {
	u := &UART{name: c.Name, base: c.Base, line: c.Line, clock: c.Clock, chip: newChip()}
	if u.line == nil {
		u.line = devices.Unconnected()
	}
	if u.clock == nil {
		u.clock = devices.HostClock()
	}
	w := c.Output
	if w == nil {
		w = io.Discard
	}
	u.taken = sync.NewCond(&u.mu)
	u.out = writebehind.New(w, u.room)
	return u
}

// Regions lists the UART's eight ports.
func (u *UART) Regions() []devices.Region {
	return []devices.Region{{Name: u.name, Base: u.base, Size: size, Handler: (*handler)(u)}}
}

// handler is a UART as the bus sees it.
type handler UART

func (h *handler) Read(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	registers.Read((*file)(h), off, p)
}

func (h *handler) Write(off uint64, p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	registers.Write((*file)(h), off, p)
}

// file is a locked UART as the register map sees it.
type file UART

func (f *file) ReadRegister(off uint64) uint64 {
	u := (*UART)(f)
	v := u.chip.read(off)
	u.settleLocked()
	return uint64(v)
}

func (f *file) WriteRegister(off, value uint64) {
	u := (*UART)(f)
	v := byte(value)
	if send := u.chip.write(off, v); send {
		// The line must be seen without the interrupt that sending ends and
		// raises again at once.
		u.driveLocked()
		busy := false
		if u.chip.mcr&mcrLOOP == 0 {
			busy = u.out.Put(v)
		}
		u.chip.transmitted(busy)
	}
	u.settleLocked()
}

// settleLocked does what follows from a change of the chip.
func (u *UART) settleLocked() {
	u.driveLocked()
	if u.paused || u.closed {
		return
	}
	if len(u.input) > 0 {
		u.deliverLocked()
		u.driveLocked()
	}
	u.armLocked()
}

// driveLocked puts the line where the chip wants it.
func (u *UART) driveLocked() {
	if level := u.chip.interrupt(); level != u.level {
		u.level = level
		u.line.Set(level)
	}
}

// deliverLocked gives the chip as much of the waiting input as it takes.
func (u *UART) deliverLocked() {
	n := min(u.chip.wants(), len(u.input))
	if n <= 0 {
		return
	}
	for _, v := range u.input[:n] {
		u.chip.receive(v)
	}
	if u.input = u.input[n:]; len(u.input) == 0 {
		u.taken.Broadcast()
	}
}

// armLocked sets the timer for the character timeout. A timer that is set for
// an earlier time is left to find that out itself: the deadline moves with
// every byte.
func (u *UART) armLocked() {
	u.chip.stamp(u.clock.Now)
	deadline := u.chip.deadline()
	if deadline.IsZero() || u.timer != nil && !deadline.Before(u.due) {
		return
	}
	u.disarmLocked()
	u.due = deadline
	u.timer = u.clock.AfterFunc(deadline.Sub(u.clock.Now()), u.timeout)
}

func (u *UART) disarmLocked() {
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
}

// timeout is the timer's call. One that was stopped too late to be stopped
// finds that nothing is due.
func (u *UART) timeout() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.paused || u.closed {
		return
	}
	u.disarmLocked()
	u.chip.tick(u.clock.Now())
	u.driveLocked()
	u.armLocked()
}

// room is the output's call: there is room again after it was full.
func (u *UART) room() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.paused {
		u.roomLocked()
	}
}

func (u *UART) roomLocked() {
	if u.chip.lsr&lsrTHRE == 0 && !u.out.Full() {
		u.chip.ready()
		u.driveLocked()
	}
}

// Write is the guest's input. It returns when the guest's receiver has taken
// all of p: so it blocks while the guest does not listen or is paused. After
// Close it returns [devices.ErrClosed] and how many bytes were taken before.
// Several Writes follow each other whole.
func (u *UART) Write(p []byte) (int, error) {
	u.writers.Lock()
	defer u.writers.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.input = p
	for len(u.input) > 0 && !u.closed {
		// Register accesses take from input; this is for a guest that waits.
		if !u.paused {
			u.deliverLocked()
			u.driveLocked()
			u.armLocked()
		}
		if len(u.input) > 0 {
			u.taken.Wait()
		}
	}
	n := len(p) - len(u.input)
	u.input = nil
	if n < len(p) || u.closed {
		return n, fmt.Errorf("uart %q: write: %w", u.name, devices.ErrClosed)
	}
	return n, nil
}

// Input is the UART as the writer of the guest's input.
func (u *UART) Input() io.Writer { return u }

// Pause stops the delivery of input and the character timeout. Output that the
// guest has handed over still goes out.
func (u *UART) Pause() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.paused = true
	u.disarmLocked()
}

// Resume undoes Pause.
func (u *UART) Resume() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.paused || u.closed {
		u.paused = false
		return
	}
	u.paused = false
	u.roomLocked()
	u.settleLocked()
}

// Drain waits until all that the guest has sent is written to the output, and
// says how much is not where that takes longer than deadline. An output that
// has failed has nothing left to write; see OutputErr.
func (u *UART) Drain(deadline time.Duration) error {
	if left := u.out.Drain(deadline); left > 0 {
		return fmt.Errorf("uart %q: drain: its output has not taken %d bytes within %v", u.name, left, deadline)
	}
	return nil
}

// OutputErr is the error of the write after which the output was not used any
// more and what the guest sends is discarded, or nil.
func (u *UART) OutputErr() error {
	if err := u.out.Err(); err != nil {
		return fmt.Errorf("uart %q: write output: %w", u.name, err)
	}
	return nil
}

// Lost counts the bytes that the guest sent although it was told that there is
// no room, and for which there was none.
func (u *UART) Lost() uint64 { return u.out.Lost() }

// Close ends a Write that waits and the UART's goroutine, and drops output
// that is not written; call Drain before. It is an error for a write to the
// output not to return: the goroutine then ends when it does. Registers still
// answer. Closing twice does nothing more.
func (u *UART) Close() error {
	u.mu.Lock()
	u.closed = true
	u.disarmLocked()
	u.taken.Broadcast()
	u.mu.Unlock()
	late := make(chan struct{})
	timer := u.clock.AfterFunc(closeDeadline, func() { close(late) })
	defer timer.Stop()
	if !u.out.Close(late) {
		return fmt.Errorf("uart %q: close: its output has been in a write for more than %v", u.name, closeDeadline)
	}
	return nil
}
