package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// move is the rig's guest, which is paused, with a console of another terminal,
// which is not resumed. Without a size of the terminal's it is not known.
func (r *rig) move(size ...uint16) *rig {
	r.t.Helper()
	m := &rig{t: r.t, out: new(sink), clock: devicestest.NewClock(time.Unix(1_700_000_000, 0))}
	c := Config{Name: "hvc0", Output: m.out, Clock: m.clock}
	if len(size) == 2 {
		c.Cols, c.Rows = size[0], size[1]
	}
	m.console = New(c)
	r.t.Cleanup(func() {
		if err := m.console.Close(); err != nil {
			r.t.Error(err)
		}
	})
	if err := vmstatetest.Load(m.console, vmstatetest.Bytes(r.t, r.console)); err != nil {
		r.t.Fatal(err)
	}
	memory := r.rx.Memory.Copy(r.t)
	m.rx, m.tx = r.rx.Move(r.t, memory), r.tx.Move(r.t, memory)
	m.active = virtqtest.ActivateHeld(r.t, m.console, FeatureSize, m.rx, m.tx)
	return m
}

// A console is moved with output that it has not taken and input that its guest
// has not.
func TestAConsoleGoesOnElsewhere(t *testing.T) {
	for bits := range 8 {
		o := virtqtest.Options{Packed: bits&1 != 0, EventIndex: bits&2 != 0, InOrder: bits&4 != 0}
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			r := newRig(t, o)
			for i := range 20 {
				r.tx.Do(t, [][]byte{fmt.Appendf(nil, "line %d\n", i)}, nil)
			}
			r.rx.Add(nil, []int{4})
			typed := r.write("typed by hand")
			r.rx.Wait(t)
			r.console.Pause()
			r.tx.Add([][]byte{[]byte("on its way")}, nil)
			r.rx.Add(nil, []int{100})

			m := r.move()
			if o.Packed {
				m.console.Pause() // which it is already
			}
			if _, ok := m.tx.Poll(); ok {
				t.Fatal("a device that is held served")
			}
			if _, ok := m.rx.Poll(); ok {
				t.Fatal("a device that is held gave input")
			}
			after := m.write(", and more")
			m.active.Resume()
			m.tx.Wait(t)
			var got []byte
			for len(got) < len("d by hand, and more") {
				got = append(got, m.rx.Wait(t).Bytes()...)
				m.rx.Add(nil, []int{100})
				m.rx.Kick()
			}
			if string(got) != "d by hand, and more" {
				t.Errorf("the guest got %q", got)
			}
			after.wait(t)
			if err := m.console.Drain(time.Minute); err != nil || m.out.String() != "on its way" {
				t.Errorf("output is %q, error %v", m.out, err)
			}

			r.console.Resume() // the guest that was left goes on as well
			if got := string(r.rx.Wait(t).Bytes()); got != "d by hand" {
				t.Errorf("the guest that was left got %q", got)
			}
			typed.wait(t)
		})
	}
}

func TestInputThatWasKeptNeedsNobodyToWriteMore(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.write("typed")
	devicestest.Eventually(t, "the input to wait", func() bool { return strings.Contains(string(vmstatetest.Bytes(t, r.console)), "typed") })
	r.console.Pause()
	m := r.move()
	for range 3 {
		m.active.Resume()
		m.console.Pause()
	}
	if !bytes.Contains(vmstatetest.Bytes(t, m.console), []byte("typed")) {
		t.Error("input that the guest has not taken is not kept again")
	}
	m.active.Deactivate()
	m.boot(virtqtest.Options{}) // a reset does not lose it
	m.rx.Add(nil, []int{100})
	m.rx.Kick()
	if got := string(m.rx.Wait(t).Bytes()); got != "typed" {
		t.Errorf("the guest got %q", got)
	}
	if bytes.Contains(vmstatetest.Bytes(t, m.console), []byte("typed")) {
		t.Error("input that the guest has taken is kept")
	}
	r.move().active.Resume() // and Close ends what waits for a guest
}

func TestInputIsKeptUpToABound(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	long := strings.Repeat("x", maxInput+5)
	r.write(long)
	devicestest.Eventually(t, "the input to wait", func() bool { return bytes.Contains(vmstatetest.Bytes(t, r.console), []byte("xxx")) })
	r.console.Pause()
	m := r.move()
	if n := len(m.console.early); n != maxInput {
		t.Errorf("%d bytes are kept, want %d", n, maxInput)
	}
	s := vmstate.New()
	if err := s.Out("x").Put(1, state{Input: []byte(long)}); err != nil {
		t.Fatal(err)
	}
	fresh := New(Config{Name: "hvc1"})
	defer fresh.Close()
	err := fresh.Load(s.In("x"))
	if want := `console "hvc1": input of 65541 bytes: the most is 65536`; err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, vmstate.ErrBadState) {
		t.Errorf("error %v, want ErrBadState that has %q", err, want)
	}
}

func TestTheSizeIsThatOfTheTerminalHere(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.wantTold(true)
	r.wantSize(80, 25)
	r.console.Pause()

	m := r.move()
	m.active.Resume()
	m.wantTold(false)
	m.wantSize(80, 25) // nothing else is known

	m = r.move(132, 43)
	m.wantTold(false)
	m.active.Resume()
	m.wantTold(true)
	m.wantSize(132, 43)

	// What was told and not read is told again: who knows what the driver saw.
	r.console.Resume()
	r.console.Resize(100, 30)
	r.wantTold(true)
	r.console.Pause()
	m = r.move()
	m.active.Resume()
	m.wantTold(true)
	m.wantSize(100, 30)
}

// typed is a console with input that its guest has not taken.
func typed(t testing.TB) *Console {
	d := New(Config{Name: "hvc0", Cols: 80, Rows: 25})
	t.Cleanup(func() { _ = d.Close() })
	d.ReadConfig(0, make([]byte, configSize))
	d.Resize(100, 40)
	d.early = []byte("typed")
	return d
}

func TestTheStateOfTheFirstVersion(t *testing.T) {
	fresh := New(Config{})
	defer fresh.Close()
	vmstatetest.Golden(t, "v1-console", false, typed(t), fresh)
}

func FuzzLoad(f *testing.F) {
	for _, d := range []*Console{typed(f), New(Config{})} {
		s := vmstate.New()
		if err := errors.Join(d.Save(s.Out("test")), d.Close()); err != nil {
			f.Fatal(err)
		}
		f.Add(s.Values())
	}
	f.Fuzz(func(t *testing.T, values []byte) {
		d := New(Config{Output: io.Discard})
		defer d.Close()
		if d.Load(vmstate.FromValues(values).In("test")) == nil {
			fresh := New(Config{})
			defer fresh.Close()
			vmstatetest.RoundTrip(t, d, fresh)
		}
	})
}
