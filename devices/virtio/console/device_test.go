package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// rig is a console under test with everything around it.
type rig struct {
	t       testing.TB
	console *Console
	active  *virtqtest.Active
	rx, tx  *virtqtest.Driver
	out     *sink
	clock   *devicestest.Clock
}

func newRig(t testing.TB, o virtqtest.Options) *rig {
	t.Helper()
	devicestest.CheckGoroutines(t)
	r := &rig{t: t, out: new(sink), clock: devicestest.NewClock(time.Unix(1_700_000_000, 0))}
	r.console = New(Config{Name: "hvc0", Output: r.out, Cols: 80, Rows: 25, Clock: r.clock})
	t.Cleanup(func() {
		if err := r.console.Close(); err != nil {
			t.Error(err)
		}
	})
	r.boot(o)
	return r
}

// boot lets a driver loose on the console.
func (r *rig) boot(o virtqtest.Options) {
	r.t.Helper()
	if o.Memory == nil {
		o.Memory = virtqtest.NewMemory(r.t, 16<<20)
	}
	o.Index = queueRX
	r.rx = virtqtest.New(r.t, o)
	o.Index = queueTX
	r.tx = virtqtest.New(r.t, o)
	r.active = virtqtest.Activate(r.t, r.console, FeatureSize, r.rx, r.tx)
}

// eachRing runs a test with every kind of ring.
func eachRing(t *testing.T, f func(t *testing.T, r *rig)) {
	for bits := range 8 {
		o := virtqtest.Options{Packed: bits&1 != 0, EventIndex: bits&2 != 0, Indirect: bits&4 != 0}
		t.Run(fmt.Sprintf("packed=%v event=%v indirect=%v", o.Packed, o.EventIndex, o.Indirect), func(t *testing.T) {
			f(t, newRig(t, o))
		})
	}
}

// sink keeps what is written. While held, writes wait.
type sink struct {
	hold sync.Mutex
	mu   sync.Mutex // guards what follows
	buf  bytes.Buffer
	err  error
}

func (s *sink) Write(p []byte) (int, error) {
	s.hold.Lock()
	defer s.hold.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.buf.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// input is a Write that goes on by itself.
type input struct {
	n    int
	err  error
	done chan struct{}
}

func (r *rig) write(s string) *input {
	i := &input{done: make(chan struct{})}
	go func() {
		defer close(i.done)
		i.n, i.err = io.WriteString(r.console.Input(), s)
	}()
	return i
}

func (i *input) wait(t *testing.T) {
	t.Helper()
	if <-i.done; i.err != nil {
		t.Error(i.err)
	}
}

func TestWhatTheGuestSendsArrives(t *testing.T) {
	eachRing(t, func(t *testing.T, r *rig) {
		var want strings.Builder
		for i := range 200 {
			text := strings.Repeat(fmt.Sprintf("line %d\n", i), 1+i*i%300)
			want.WriteString(text)
			cut := len(text) / 3
			if used := r.tx.Do(t, [][]byte{[]byte(text[:cut]), []byte(text[cut:])}, nil); used.Written != 0 {
				t.Errorf("the device says that it wrote %d bytes", used.Written)
			}
		}
		if err := r.console.Drain(time.Minute); err != nil {
			t.Error(err)
		}
		if got := r.out.String(); got != want.String() {
			t.Errorf("%d bytes arrived, want %d, or others", len(got), want.Len())
		}
	})
}

func TestInputReachesTheGuestAsItOffersBuffers(t *testing.T) {
	eachRing(t, func(t *testing.T, r *rig) {
		text := strings.Repeat("0123456789abcdef", 500)
		w := r.write(text)
		var got []byte
		for i := 0; len(got) < len(text); i++ {
			r.rx.Add(nil, []int{1 + i%70, 3})
			r.rx.Kick()
			got = append(got, r.rx.Wait(t).Bytes()...)
		}
		if string(got) != text {
			t.Error("the guest got something else")
		}
		w.wait(t)
	})
}

func TestInputWaitsForADriver(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.active.Deactivate()
	w := r.write("typed early")
	r.boot(virtqtest.Options{})
	r.rx.Add(nil, []int{100})
	r.rx.Kick()
	if got := string(r.rx.Wait(t).Bytes()); got != "typed early" {
		t.Errorf("the guest got %q", got)
	}
	w.wait(t)
}

func TestTwoInputsDoNotMix(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	a, b := strings.Repeat("a", 100), strings.Repeat("b", 100)
	writes := []*input{r.write(a), r.write(b)}
	var got string
	for len(got) < 200 {
		r.rx.Add(nil, []int{7})
		r.rx.Kick()
		got += string(r.rx.Wait(t).Bytes())
	}
	if got != a+b && got != b+a {
		t.Errorf("the guest got %q", got)
	}
	for _, w := range writes {
		w.wait(t)
	}
}

func TestCloseEndsAWriteThatWaits(t *testing.T) {
	for name, ready := range map[string]func(r *rig){
		"for buffers":  func(*rig) {},
		"for a driver": func(r *rig) { r.active.Deactivate() },
		"for a resume": func(r *rig) { r.console.Pause() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, virtqtest.Options{})
			r.rx.Add(nil, []int{4})
			r.rx.Kick()
			w := r.write("0123456789")
			r.rx.Wait(t)
			ready(r)
			if err := r.console.Close(); err != nil {
				t.Error(err)
			}
			<-w.done
			if w.n != 4 || !errors.Is(w.err, devices.ErrClosed) {
				t.Errorf("write gave %d, %v", w.n, w.err)
			}
			if _, err := r.console.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("write after close gave %v", err)
			}
			if err := r.console.Close(); err != nil {
				t.Errorf("second close gave %v", err)
			}
		})
	}
}

func TestPauseHoldsBothQueues(t *testing.T) {
	r := newRig(t, virtqtest.Options{EventIndex: true})
	for i := range 30 {
		r.console.Pause()
		r.console.Pause()
		rx, tx := r.rx.Queue().Position(), r.tx.Queue().Position()
		w := r.write("in")
		in := r.rx.Add(nil, []int{10})
		out := r.tx.Add([][]byte{[]byte("out")}, nil)
		r.rx.Kick()
		r.tx.Kick()
		r.console.Pause()
		if got := r.rx.Queue().Position(); got != rx {
			t.Fatalf("round %d: receiveq is at %+v, was at %+v", i, got, rx)
		}
		if got := r.tx.Queue().Position(); got != tx {
			t.Fatalf("round %d: transmitq is at %+v, was at %+v", i, got, tx)
		}
		r.console.Resume()
		r.console.Resume()
		if got := string(r.rx.WaitFor(t, in).Bytes()); got != "in" {
			t.Fatalf("round %d: the guest got %q", i, got)
		}
		r.tx.WaitFor(t, out)
		w.wait(t)
	}
}

func TestADriverOfOneQueueIsServed(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.active.Deactivate()
	tx := virtqtest.New(t, virtqtest.Options{Index: queueTX})
	a := virtqtest.Activate(t, r.console, 0, nil, tx)
	tx.Do(t, [][]byte{[]byte("only out")}, nil)
	r.console.Pause()
	r.console.Resume()
	a.Deactivate()
	rx := virtqtest.New(t, virtqtest.Options{Index: queueRX})
	a = virtqtest.Activate(t, r.console, 0, rx)
	w := r.write("only in")
	rx.Do(t, nil, []int{10})
	w.wait(t)
	a.Deactivate()
	if err := r.console.Drain(time.Minute); err != nil || r.out.String() != "only out" {
		t.Errorf("%q arrived, %v", r.out, err)
	}
}

func TestDriversThatBreakTheDevice(t *testing.T) {
	bad := virtqtest.Buffer{Addr: 1 << 40, Len: 10}
	badWrite := bad
	badWrite.Write = true
	for _, test := range []struct {
		name string
		do   func(r *rig)
		want string
	}{
		{"input outside of memory", func(r *rig) { r.rx.AddBuffers(badWrite) }, `console "hvc0": receiveq: guest memory`},
		{"input without room", func(r *rig) { r.rx.Add([][]byte{{1}}, nil) }, `console "hvc0": receiveq: buffer of 0 bytes`},
		{"an input ring that jumps", func(r *rig) { r.rx.Split().PutAvail(1000); r.rx.Queue().Kick() }, "receiveq: driver broke the ring"},
		{"output outside of memory", func(r *rig) { r.tx.AddBuffers(bad) }, `console "hvc0": transmitq: guest memory`},
		{"an output ring that jumps", func(r *rig) { r.tx.Split().PutAvail(1000); r.tx.Queue().Kick() }, "transmitq: driver broke the ring"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, virtqtest.Options{})
			w := r.write("input")
			test.do(r)
			r.rx.Kick()
			r.tx.Kick()
			if err := r.active.WaitBroken(t); !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one that has %q", err, test.want)
			}
			r.console.Pause()
			r.console.Resume()
			// A driver that begins anew gets the input.
			r.active.Deactivate()
			r.boot(virtqtest.Options{})
			if got := string(r.rx.Do(t, nil, []int{10}).Bytes()); got != "input" {
				t.Errorf("the next driver got %q", got)
			}
			w.wait(t)
		})
	}
}

var _ virtio.Device = (*Console)(nil)
