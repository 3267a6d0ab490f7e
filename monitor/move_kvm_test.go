package monitor_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
)

// Where asmCounters counts in one page after the other.
const (
	countersFirst = 0x400000
	countersEnd   = 0xc00000
)

// incoming is a machine that waits for another one.
func incoming(t testing.TB, devices string) *machine {
	t.Helper()
	return start(t, nil, devices, func(c *spawn.Config) { c.Kernel, c.Incoming = nil, true })
}

// pairs are both ends of n connections.
func pairs(t testing.TB, n int) (ours, theirs []*os.File) {
	t.Helper()
	for range n {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		ours = append(ours, os.NewFile(uintptr(fds[0]), "ours"))
		theirs = append(theirs, os.NewFile(uintptr(fds[1]), "theirs"))
	}
	return ours, theirs
}

// tcpPairs are those of a network.
func tcpPairs(t testing.TB, n int) (ours, theirs []*os.File) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer l.Close()
	take := func(c *net.TCPConn, err error) *os.File {
		t.Helper()
		must(t, err)
		defer c.Close()
		f, err := c.File()
		must(t, err)
		return f
	}
	for range n {
		ours = append(ours, take(net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))))
		theirs = append(theirs, take(l.AcceptTCP()))
	}
	return ours, theirs
}

func closeFiles(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// join has one machine be sent to another.
func join(t testing.TB, from, to *machine, ours, theirs []*os.File, o control.MoveOptions) {
	t.Helper()
	must(t, from.client.BeginMove(timed(t), ours, o))
	must(t, to.client.BeginReceive(timed(t), theirs))
	closeFiles(append(ours, theirs...)...) // both have their own
}

// wantCounts holds the memory of asmCounters against itself: it has counted as often in
// all pages together as in those that it counts in each time, and never less than
// before.
func wantCounts(t testing.TB, m *machine, from uint64) (here uint64) {
	t.Helper()
	f, _ := mustSave(t, m, control.SaveOptions{})
	here, there := counters(t, f.Memory)
	b := make([]byte, countersEnd-countersFirst)
	_, err := f.Memory.ReadAt(b, countersFirst)
	must(t, err)
	sum := uint64(0)
	for at := 0; at < len(b); at += 4096 {
		sum += binary.LittleEndian.Uint64(b[at:])
	}
	if here-there > 1 || there-sum > 1 || here < from {
		t.Errorf("the counters are at %d and %d, %d in all pages, and were at %d", here, there, sum, from)
	}
	return here
}

// A guest goes from one monitor to the next, and never loses a page of what it writes
// all the time.
func TestAMachineMoves(t *testing.T) {
	m := start(t, asmCounters, "", nil)
	must(t, m.client.Start(timed(t)))
	from := uint64(0)
	for hop, test := range []struct {
		conns    func(testing.TB, int) (ours, theirs []*os.File)
		options  control.MoveOptions
		passes   int
		throttle int
	}{
		{pairs, control.MoveOptions{Verify: true}, 4, 0},
		{tcpPairs, control.MoveOptions{Compression: control.CompressZstd}, 2, 70},
		{pairs, control.MoveOptions{Compression: control.CompressLZ4, Rate: 1 << 30}, 1, 99},
		{tcpPairs, control.MoveOptions{Compression: control.CompressNone, Verify: true}, 0, 0}, // all of it while it is held
	} {
		next := incoming(t, "")
		next.is(control.Ready)
		d, err := m.client.DescribeMove(timed(t))
		must(t, err)
		reasons, err := next.client.JudgeMove(timed(t), d)
		must(t, err)
		if len(reasons) > 0 {
			t.Errorf("it would not fit: %q", reasons)
		}
		ours, theirs := test.conns(t, 2)
		join(t, m, next, ours, theirs, test.options)
		must(t, m.client.LimitMove(timed(t), control.MoveLimits{Throttle: test.throttle, Rate: test.options.Rate}))
		passes := uint32(0)
		changed := test.passes == 0 || test.throttle > 0
		for deadline := time.Now().Add(patience); passes < uint32(test.passes) || !changed; {
			p, err := m.client.MovePass(timed(t))
			must(t, err)
			must(t, next.client.WaitReceived(timed(t), p.Epoch))
			t.Logf("hop %d: %+v", hop, p)
			if passes++; p.Epoch != passes || p.Data != (p.Pages-p.Zero)*4096 || passes == 1 && p.Pages == 0 {
				t.Errorf("pass %d: %+v", passes, p)
			}
			changed = changed || p.Left > 0
			m.is(control.Running)
			if time.Now().After(deadline) {
				t.Fatal("the guest changes nothing")
			}
		}
		must(t, m.client.Pause(timed(t)))
		state := file(t, nil)
		last, err := m.client.MoveLast(timed(t), state)
		must(t, err)
		t.Logf("hop %d: %+v", hop, last)
		if info, err := state.Stat(); err != nil || info.Size() != last.State || last.Epoch != passes+1 || last.Left != 0 || last.StateSum == "" {
			t.Errorf("the last pass: %+v, %v", last, err)
		}
		must(t, next.client.WaitReceived(timed(t), last.Epoch))
		if err := next.client.Start(timed(t)); control.CodeOf(err) != control.WrongState {
			t.Errorf("a start without a state: %v", err)
		}
		_, err = state.Seek(0, io.SeekStart)
		must(t, err)
		must(t, next.client.LoadReceived(timed(t), state))
		next.is(control.Ready)
		m.is(control.Paused)
		must(t, m.client.EndMove(timed(t)))
		from = wantCounts(t, m, from)
		must(t, m.client.Kill(timed(t)))
		m.ends(control.Exit{Reason: "kill"})

		must(t, next.client.Start(timed(t)))
		for at := from; at == from; {
			must(t, next.client.Pause(timed(t)))
			at = wantCounts(t, next, from)
			must(t, next.client.Resume(timed(t)))
		}
		m = next
	}
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})
}

// A move that cannot go on leaves the guest as it is, and another one can follow.
func TestMovesThatFail(t *testing.T) {
	m := start(t, asmCounters, "", nil)
	must(t, m.client.Start(timed(t)))
	begin := func() (theirs []*os.File) {
		t.Helper()
		ours, theirs := pairs(t, 2)
		must(t, m.client.BeginMove(timed(t), ours, control.MoveOptions{}))
		closeFiles(ours...)
		return theirs
	}
	// hangs has a pass begin that nobody reads, and tells how it ended.
	hangs := func(c *control.Client, ctx context.Context) chan error {
		t.Helper()
		failed := make(chan error, 1)
		go func() {
			_, err := c.MovePass(ctx)
			failed <- err
		}()
		return failed
	}
	cut := func(theirs []*os.File) { closeFiles(theirs[1]) }
	for name, test := range map[string]func(theirs []*os.File){
		"one connection is cut before a pass": func(theirs []*os.File) {
			cut(theirs)
			if _, err := m.client.MovePass(timed(t)); control.CodeOf(err) != control.Failed {
				t.Errorf("a pass over it: %v", err)
			}
		},
		"one is cut in a pass": func(theirs []*os.File) {
			failed := hangs(m.another(), timed(t))
			_, err := theirs[0].Read(make([]byte, 1))
			must(t, err)
			cut(theirs)
			if err := <-failed; control.CodeOf(err) != control.Failed {
				t.Errorf("the pass: %v", err)
			}
		},
		"it is ended in a pass": func(theirs []*os.File) {
			failed := hangs(m.another(), timed(t))
			_, err := theirs[0].Read(make([]byte, 1))
			must(t, err)
			must(t, m.client.EndMove(timed(t)))
			if err := <-failed; control.CodeOf(err) != control.Failed {
				t.Errorf("the pass: %v", err)
			}
		},
		"who asked for a pass goes away": func(theirs []*os.File) {
			ctx, cancel := context.WithCancel(timed(t))
			c := m.another()
			failed := hangs(c, ctx)
			_, err := theirs[0].Read(make([]byte, 1))
			must(t, err)
			cancel()
			<-failed
			// Its end comes soon, and not with this.
			for {
				if _, err := theirs[0].Read(make([]byte, 1<<20)); err != nil {
					break
				}
			}
		},
		"nonsense comes back": func(theirs []*os.File) {
			_, err := theirs[0].Write(make([]byte, 4096))
			must(t, err)
			if _, err := m.client.MovePass(timed(t)); control.CodeOf(err) != control.Failed {
				t.Errorf("the pass: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := begin()
			defer closeFiles(theirs...)
			test(theirs)
			_, err := m.client.MovePass(timed(t))
			if control.CodeOf(err) != control.WrongState {
				t.Errorf("another pass: %v", err)
			}
			must(t, m.client.EndMove(timed(t)))
			must(t, m.client.EndMove(timed(t)))
			m.is(control.Running)
			_, err = m.client.Precopy(timed(t), file(t, nil), control.PrecopyOptions{})
			must(t, err)
			must(t, m.client.ForgetSave(timed(t)))
		})
	}
	next := incoming(t, "")
	ours, theirs := pairs(t, 1)
	join(t, m, next, ours, theirs, control.MoveOptions{})
	p, err := m.client.MovePass(timed(t))
	must(t, err)
	must(t, next.client.WaitReceived(timed(t), p.Epoch))
	must(t, m.client.Pause(timed(t)))
	must(t, m.client.EndMove(timed(t)))
	wantCounts(t, m, 1)
	// The other side hears of the end, and can only be killed.
	if err := next.client.WaitReceived(timed(t), p.Epoch+1); control.CodeOf(err) != control.Failed {
		t.Errorf("a pass that never comes: %v", err)
	}
	must(t, next.client.Kill(timed(t)))
	next.ends(control.Exit{Reason: "kill"})
	must(t, m.client.Resume(timed(t)))
	begin()
	failed := hangs(m.another(), timed(t))
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})
	if err := <-failed; err == nil {
		t.Error("a pass outlives its machine")
	}
}

// Steps that do not follow each other are refused.
func TestStepsOfAMoveThatAreRefused(t *testing.T) {
	m := start(t, asmSpin, "", nil)
	refused := func(what string, err error, code control.Code) {
		t.Helper()
		if control.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	pass := func() error {
		_, err := m.client.MovePass(timed(t))
		return err
	}
	last := func() error {
		_, err := m.client.MoveLast(timed(t), file(t, nil))
		return err
	}
	save := func() error {
		_, err := m.client.Save(timed(t), files(t), control.SaveOptions{})
		return err
	}
	precopy := func() error {
		_, err := m.client.Precopy(timed(t), file(t, nil), control.PrecopyOptions{})
		return err
	}
	sums := func() error {
		_, err := m.client.SaveSums(timed(t), file(t, nil))
		return err
	}
	describe := func() error {
		_, err := m.client.DescribeMove(timed(t))
		return err
	}
	judge := func(m *machine) error {
		_, err := m.client.JudgeMove(timed(t), nil)
		return err
	}
	ours, theirs := pairs(t, 1)
	defer closeFiles(append(ours, theirs...)...)
	begin := func(o control.MoveOptions, f ...*os.File) error { return m.client.BeginMove(timed(t), f, o) }

	refused("a description before the start", describe(), control.WrongState)
	refused("a move before the start", begin(control.MoveOptions{}, ours...), control.WrongState)
	must(t, m.client.EndMove(timed(t)))
	must(t, m.client.Start(timed(t)))
	refused("a pass of no move", pass(), control.WrongState)
	refused("the last of no move", last(), control.WrongState)
	refused("limits of no move", m.client.LimitMove(timed(t), control.MoveLimits{Throttle: 50}), control.WrongState)
	refused("receiving", m.client.BeginReceive(timed(t), ours), control.WrongState)
	refused("waiting", m.client.WaitReceived(timed(t), 1), control.WrongState)
	refused("loading", m.client.LoadReceived(timed(t), file(t, nil)), control.WrongState)
	refused("judging", judge(m), control.WrongState)
	refused("an unknown compression", begin(control.MoveOptions{Compression: "gzip"}, ours...), control.BadRequest)
	refused("a file", begin(control.MoveOptions{}, file(t, nil)), control.BadRequest)
	datagrams, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	for _, fd := range datagrams {
		f := os.NewFile(uintptr(fd), "datagrams")
		refused("datagrams", begin(control.MoveOptions{}, ours[0], f), control.BadRequest)
		closeFiles(f)
	}
	must(t, precopy())
	refused("a move of a machine that is saved", begin(control.MoveOptions{}, ours...), control.WrongState)
	must(t, m.client.ForgetSave(timed(t)))
	must(t, begin(control.MoveOptions{}, ours...))
	refused("another move", begin(control.MoveOptions{}, ours...), control.WrongState)
	refused("the last of a machine that runs", last(), control.WrongState)
	refused("a snapshot of one that moves", precopy(), control.WrongState)
	must(t, m.client.Pause(timed(t)))
	refused("and of one that is held", save(), control.WrongState)
	refused("checksums of that", sums(), control.WrongState)
	must(t, m.client.ForgetSave(timed(t)))
	must(t, m.client.LimitMove(timed(t), control.MoveLimits{Throttle: 99}))
	must(t, m.client.EndMove(timed(t)))
	must(t, save())
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})

	next := incoming(t, "")
	for what, err := range map[string]error{
		"a start":     next.client.Start(timed(t)),
		"a pause":     next.client.Pause(timed(t)),
		"a resume":    next.client.Resume(timed(t)),
		"a move":      next.client.BeginMove(timed(t), ours, control.MoveOptions{}),
		"waiting":     next.client.WaitReceived(timed(t), 1),
		"a state now": next.client.LoadReceived(timed(t), file(t, nil)),
	} {
		refused(what+" of a machine that waits", err, control.WrongState)
	}
	refused("a file to receive from", next.client.BeginReceive(timed(t), []*os.File{file(t, nil)}), control.BadRequest)
	must(t, next.client.BeginReceive(timed(t), theirs))
	refused("receiving twice", next.client.BeginReceive(timed(t), theirs), control.WrongState)
	refused("a state before memory", next.client.LoadReceived(timed(t), file(t, nil)), control.WrongState)
	must(t, next.client.Kill(timed(t)))
	next.ends(control.Exit{Reason: "kill"})
}

// What a machine is told of another one is not believed.
func TestStatesThatAMachineCannotTake(t *testing.T) {
	m := start(t, asmCounters, "", nil)
	must(t, m.client.Start(timed(t)))
	d, err := m.client.DescribeMove(timed(t))
	must(t, err)
	dir := t.TempDir()
	makeImages(t, dir)
	other := incoming(t, devices(dir))
	reasons, err := other.client.JudgeMove(timed(t), d)
	must(t, err)
	if text := fmt.Sprint(reasons); len(reasons) < 2 {
		t.Errorf("a machine with other devices: %s", text)
	}
	ours, theirs := pairs(t, 2)
	join(t, m, other, ours, theirs, control.MoveOptions{})
	must(t, m.client.Pause(timed(t)))
	state := file(t, nil)
	last, err := m.client.MoveLast(timed(t), state)
	must(t, err)
	must(t, other.client.WaitReceived(timed(t), last.Epoch))
	_, err = state.Seek(0, io.SeekStart)
	must(t, err)
	for range 2 {
		if err := other.client.LoadReceived(timed(t), state); err == nil {
			t.Error("it takes the state of a machine without its devices")
		}
	}
	if err := other.client.Start(timed(t)); control.CodeOf(err) != control.WrongState {
		t.Errorf("a start: %v", err)
	}
	must(t, other.client.Kill(timed(t)))
	other.ends(control.Exit{Reason: "kill"})
	must(t, m.client.EndMove(timed(t)))
	must(t, m.client.Resume(timed(t)))
	m.is(control.Running)
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})
}

// What is tracked since a snapshot is tracked through a move that comes to nothing.
func TestAMoveKeepsWhatASnapshotTracks(t *testing.T) {
	m := start(t, asmCounters, "", nil)
	must(t, m.client.Start(timed(t)))
	must(t, m.client.Pause(timed(t)))
	base, _ := mustSave(t, m, control.SaveOptions{Track: "first"})
	must(t, m.client.Resume(timed(t)))
	next := incoming(t, "")
	ours, theirs := pairs(t, 1)
	join(t, m, next, ours, theirs, control.MoveOptions{})
	for range 3 {
		_, err := m.client.MovePass(timed(t))
		must(t, err)
	}
	must(t, m.client.Pause(timed(t)))
	_, err := m.client.MoveLast(timed(t), file(t, nil))
	must(t, err)
	must(t, m.client.EndMove(timed(t)))
	must(t, m.client.Resume(timed(t)))
	must(t, m.client.Pause(timed(t)))
	held, _ := mustSave(t, m, control.SaveOptions{Over: &control.Over{Snapshot: "first"}})
	whole, _ := mustSave(t, m, control.SaveOptions{})
	if laidOver(t, base.Memory, held) != laidOver(t, whole.Memory) {
		t.Error("the first memory, with what changed, is not what it is")
	}
	for _, m := range []*machine{m, next} {
		must(t, m.client.Kill(timed(t)))
		m.ends(control.Exit{Reason: "kill"})
	}
}
