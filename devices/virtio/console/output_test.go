package console

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/writebehind"
)

// flood sends until the output takes no more, and returns what was sent, the last
// in a request that waits.
func (r *rig) flood() (sent []byte, waits virtqtest.Token) {
	r.t.Helper()
	for i := byte(0); ; i++ {
		p := bytes.Repeat([]byte{i}, 5000)
		sent = append(sent, p...)
		token := r.tx.Add([][]byte{p}, nil)
		r.tx.Kick()
		used := false
		devicestest.Eventually(r.t, "the device to take or to wait", func() bool {
			_, ok := r.tx.Poll()
			used = used || ok
			return used || r.clock.Pending() > 0
		})
		if !used {
			return sent, token
		}
		if len(sent) > 4*writebehind.Size {
			r.t.Fatal("the guest is never held back")
		}
	}
}

func TestAGuestWaitsForAnOutputThatIsStuckAndLosesNothing(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.out.hold.Lock()
	sent, waits := r.flood()
	r.out.hold.Unlock()
	r.tx.WaitFor(t, waits)
	if err := r.console.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	if got := r.out.String(); got != string(sent) {
		t.Errorf("%d bytes arrived, want %d, or others", len(got), len(sent))
	}
	if n := r.console.Lost(); n != 0 {
		t.Errorf("%d bytes were lost", n)
	}
	if n := r.clock.Pending(); n != 0 {
		t.Errorf("%d timers wait for nothing", n)
	}
}

func TestAGuestDoesNotWaitForEver(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.out.hold.Lock()
	sent, waits := r.flood()
	total := uint64(len(sent))
	r.clock.Advance(patience)
	r.tx.WaitFor(t, waits)
	if r.console.Lost() == 0 {
		t.Error("nothing was lost")
	}
	// Now it does not wait at all.
	for range 100 {
		p := make([]byte, 10_000)
		r.tx.Do(t, [][]byte{p}, nil)
		total += uint64(len(p))
	}
	if n := r.clock.Pending(); n != 0 {
		t.Errorf("%d timers wait for nothing", n)
	}
	// But when there is room again it does.
	r.out.hold.Unlock()
	devicestest.Eventually(t, "room", func() bool { return !r.console.out.Full() })
	r.tx.Do(t, [][]byte{[]byte("the end")}, nil)
	total += 7
	if err := r.console.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	got := r.out.String()
	if uint64(len(got))+r.console.Lost() != total || !strings.HasSuffix(got, "the end") {
		t.Errorf("%d bytes arrived and %d were lost of %d", len(got), r.console.Lost(), total)
	}
	r.out.hold.Lock()
	_, waits = r.flood()
	r.out.hold.Unlock()
	r.tx.WaitFor(t, waits)
}

// Pausing and the end do not wait for an output, and keep what was handed over.
func TestPauseAndTheEndDoNotWaitForTheOutput(t *testing.T) {
	for name, hold := range map[string]func(r *rig){
		"pause":      func(r *rig) { r.console.Pause() },
		"deactivate": func(r *rig) { r.active.Deactivate() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, virtqtest.Options{})
			r.out.hold.Lock()
			sent, waits := r.flood()
			hold(r)
			if u, ok := r.tx.Poll(); !ok || u.Token != waits {
				t.Errorf("the request that waited is not done")
			}
			r.out.hold.Unlock()
			if err := r.console.Drain(time.Minute); err != nil {
				t.Error(err)
			}
			if got := r.out.String(); got != string(sent) {
				t.Errorf("%d bytes arrived, want %d, or others", len(got), len(sent))
			}
			if n := r.console.Lost(); n != 0 {
				t.Errorf("%d bytes were lost", n)
			}
		})
	}
}

func TestAGuestThatPausesAgainAndAgainDoesNotPileUpOutput(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.out.hold.Lock()
	sent, _ := r.flood()
	total := uint64(len(sent))
	for range 50 {
		r.console.Pause()
		r.tx.Add([][]byte{make([]byte, 30_000)}, nil)
		total += 30_000
		r.tx.Kick()
		r.console.Resume()
		devicestest.Eventually(t, "the device to wait", func() bool {
			r.tx.Poll()
			return r.clock.Pending() > 0
		})
	}
	r.console.Pause()
	r.out.hold.Unlock()
	if err := r.console.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	got := uint64(len(r.out.String()))
	if got+r.console.Lost() != total || got > 4*writebehind.Size {
		t.Errorf("%d bytes arrived and %d were lost of %d", got, r.console.Lost(), total)
	}
	r.console.Resume()
}

func TestCloseLetsAGuestGoThatWaits(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.out.hold.Lock()
	_, waits := r.flood()
	closed := make(chan error)
	go func() { closed <- r.console.Close() }()
	r.tx.WaitFor(t, waits)
	r.out.hold.Unlock()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	r.tx.Do(t, [][]byte{[]byte("nobody hears")}, nil)
}

func TestFailedOutputIsNotUsedAgain(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.out.mu.Lock()
	r.out.err = io.ErrUnexpectedEOF
	r.out.mu.Unlock()
	r.tx.Do(t, [][]byte{[]byte("x")}, nil)
	devicestest.Eventually(t, "the failure", func() bool { return r.console.OutputErr() != nil })
	err := r.console.OutputErr()
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), `console "hvc0": write output: `) {
		t.Errorf("error is %v", err)
	}
	for range 50 {
		r.tx.Do(t, [][]byte{make([]byte, 10_000)}, nil)
	}
}

func TestDrainSaysWhoDidNotAnswer(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.out.hold.Lock()
	r.tx.Do(t, [][]byte{[]byte("12345")}, nil)
	err := r.console.Drain(time.Millisecond)
	if err == nil || err.Error() != `console "hvc0": drain: its output has not taken 5 bytes within 1ms` {
		t.Errorf("error is %v", err)
	}
	r.out.hold.Unlock()
}
