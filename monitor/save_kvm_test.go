package monitor_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"testing"
	"time"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/snapshot/memfile"
)

// Where asmCounters counts: first here, then there.
const (
	counterHere  = 0x200000
	counterThere = 0x300000
)

// asmCounters counts in two pages, one after the other, and writes to one page after
// another of 8 MiB between.
var asmCounters = []byte{
	0xbf, 0x00, 0x00, 0x40, 0x00, // 1: mov edi,0x400000
	0x48, 0xff, 0x04, 0x25, 0x00, 0x00, 0x20, 0x00, // 2: inc qword [0x200000]
	0x48, 0xff, 0x04, 0x25, 0x00, 0x00, 0x30, 0x00, // inc qword [0x300000]
	0x48, 0xff, 0x07, // inc qword [rdi]
	0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, // add edi,4096
	0x81, 0xff, 0x00, 0x00, 0xc0, 0x00, // cmp edi,0xc00000
	0x72, 0xdf, // jb 2b
	0xeb, 0xd8, // jmp 1b
}

const memorySize = 32 << 20 // of describe

// files are those of a save.
func files(t testing.TB) control.SaveFiles {
	return control.SaveFiles{State: file(t, nil), Memory: file(t, nil), Sums: file(t, nil), Map: file(t, nil)}
}

// counters are what a memory file has.
func counters(t testing.TB, f *os.File) (here, there uint64) {
	t.Helper()
	var b [8]byte
	for at, to := range map[int64]*uint64{counterHere: &here, counterThere: &there} {
		if _, err := f.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		*to = binary.LittleEndian.Uint64(b[:])
	}
	return here, there
}

// mustSave saves a machine that is paused.
func mustSave(t testing.TB, m *machine, o control.SaveOptions) (control.SaveFiles, control.Saved) {
	t.Helper()
	f := files(t)
	saved, err := m.client.Save(timed(t), f, o)
	if err != nil {
		t.Fatal(err)
	}
	return f, saved
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// goesOn is a machine that goes on from files of a save, and is not started.
func goesOn(t testing.TB, f control.SaveFiles, over ...control.SaveFiles) *machine {
	t.Helper()
	return start(t, nil, "", func(c *spawn.Config) {
		c.Kernel, c.State, c.Memory = nil, f.State, f.Memory
		for _, l := range over {
			_, err := l.Map.Seek(0, io.SeekStart)
			must(t, err)
			c.State, c.Layers = l.State, append(c.Layers, spawn.Layer{Memory: l.Memory, Map: l.Map})
		}
		_, err := c.State.Seek(0, io.SeekStart)
		must(t, err)
	})
}

// What was written while the guest ran is what it is when it is held, and a machine
// goes on from there.
func TestAMachineIsSavedWhileItRuns(t *testing.T) {
	m := start(t, asmCounters, "", nil)
	must(t, m.client.Start(timed(t)))
	for round := range 3 {
		live := files(t)
		before := time.Now()
		p, err := m.client.Precopy(timed(t), live.Memory, control.PrecopyOptions{})
		must(t, err)
		m.is(control.Running)
		paused := time.Now()
		must(t, m.client.Pause(timed(t)))
		_, err = m.client.Save(timed(t), live, control.SaveOptions{Live: true})
		must(t, err)
		t.Logf("%d passes in %v, %d KiB left, held for %v", p.Passes, paused.Sub(before), p.Left>>10, time.Since(paused))
		whole, saved := mustSave(t, m, control.SaveOptions{})
		must(t, m.client.Resume(timed(t)))
		summed, err := m.client.SaveSums(timed(t), live.Sums)
		must(t, err)
		if summed.Digest != saved.Digest || summed.Memory < saved.Memory {
			t.Errorf("what was written while it ran is %+v, and what is written at once %+v", summed, saved)
		}
		wantSums(t, live, summed.Digest)
		here, there := counters(t, live.Memory)
		if here-there > 1 || here == 0 {
			t.Errorf("the counters are at %d and %d", here, there)
		}
		if a, b := counters(t, whole.Memory); a != here || b != there {
			t.Errorf("the counters are at %d and %d, and were at %d and %d", here, there, a, b)
		}
		if round == 0 {
			wantGoesOn(t, here, live)
		}
	}
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})
}

// wantSums holds memory against its checksums, and those against their digest.
func wantSums(t testing.TB, f control.SaveFiles, digest string) {
	t.Helper()
	_, err := f.Sums.Seek(0, io.SeekStart)
	must(t, err)
	sums, err := memfile.ReadSums(f.Sums, memorySize)
	must(t, err)
	if got := sums.Digest(); hex.EncodeToString(got[:]) != digest {
		t.Errorf("the checksums' digest is %x, and %s was said", got, digest)
	}
	must(t, memfile.Verify(t.Context(), f.Memory, sums, nil))
}

// wantGoesOn wants a guest to count on from where it was saved.
func wantGoesOn(t testing.TB, from uint64, f control.SaveFiles, over ...control.SaveFiles) {
	t.Helper()
	next := goesOn(t, f, over...)
	must(t, next.client.Start(timed(t)))
	for deadline := time.Now().Add(patience); ; {
		must(t, next.client.Pause(timed(t)))
		again, _ := mustSave(t, next, control.SaveOptions{})
		here, there := counters(t, again.Memory)
		if here-there > 1 || here < from {
			t.Fatalf("the counters are at %d and %d after they were at %d", here, there, from)
		}
		if here > from {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the guest does not count on")
		}
		must(t, next.client.Resume(timed(t)))
	}
	must(t, next.client.Kill(timed(t)))
	next.ends(control.Exit{Reason: "kill"})
}

// laidOver is the digest of the checksums of a memory with the pages of another's
// laid over it.
func laidOver(t testing.TB, base *os.File, layers ...control.SaveFiles) string {
	t.Helper()
	b := make([]byte, memorySize)
	_, err := base.ReadAt(b, 0)
	must(t, err)
	for _, l := range layers {
		_, err := l.Map.Seek(0, io.SeekStart)
		must(t, err)
		pages, err := memfile.ReadPageSet(l.Map, memorySize)
		must(t, err)
		for e := range pages.Extents() {
			_, err := l.Memory.ReadAt(b[e.Offset:][:e.Size], e.Offset)
			must(t, err)
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Snapshots over others have what differs, and with those they are the whole memory.
func TestSnapshotsOverOthers(t *testing.T) {
	m := start(t, asmCounters, "", nil)
	must(t, m.client.Start(timed(t)))
	must(t, m.client.Pause(timed(t)))
	base, _ := mustSave(t, m, control.SaveOptions{Track: "first"})
	if _, err := m.client.Save(timed(t), files(t), control.SaveOptions{Over: &control.Over{Snapshot: "other"}}); control.CodeOf(err) != control.WrongState {
		t.Errorf("over another snapshot: %v", err)
	}
	must(t, m.client.Resume(timed(t)))
	over := &control.Over{Snapshot: "first"}

	// One that is given up, one while the guest runs, and one while it is held; the
	// last over the second.
	_, err := m.client.Precopy(timed(t), file(t, nil), control.PrecopyOptions{Over: over})
	must(t, err)
	must(t, m.client.ForgetSave(timed(t)))
	live := files(t)
	_, err = m.client.Precopy(timed(t), live.Memory, control.PrecopyOptions{Over: over})
	must(t, err)
	must(t, m.client.Pause(timed(t)))
	_, err = m.client.Save(timed(t), live, control.SaveOptions{Live: true, Over: over, Track: "second"})
	must(t, err)
	whole, _ := mustSave(t, m, control.SaveOptions{})
	if laidOver(t, base.Memory, live) != laidOver(t, whole.Memory) {
		t.Error("the first memory, with what changed while the guest ran, is not what it is")
	}
	must(t, m.client.Resume(timed(t)))
	_, err = m.client.SaveSums(timed(t), live.Sums)
	must(t, err)
	must(t, m.client.Pause(timed(t)))
	held, saved := mustSave(t, m, control.SaveOptions{Over: &control.Over{Snapshot: "second"}})
	whole, all := mustSave(t, m, control.SaveOptions{})
	if laidOver(t, base.Memory, live, held) != laidOver(t, whole.Memory) {
		t.Error("the first memory, with what changed twice, is not what it is")
	}
	if saved.Memory > all.Memory {
		t.Errorf("what changed is %d bytes, and all is %d", saved.Memory, all.Memory)
	}
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})
	here, _ := counters(t, whole.Memory)
	wantGoesOn(t, here, base, live, held)
	overOrigin(t, whole)
}

// overOrigin saves over the snapshot that the machine went on from.
func overOrigin(t *testing.T, origin control.SaveFiles) {
	m := goesOn(t, origin)
	over := &control.Over{Snapshot: "origin", Origin: true}
	must(t, m.client.Start(timed(t)))
	must(t, m.client.Pause(timed(t)))
	held, saved := mustSave(t, m, control.SaveOptions{Over: over})
	whole, _ := mustSave(t, m, control.SaveOptions{})
	if laidOver(t, origin.Memory, held) != laidOver(t, whole.Memory) {
		t.Error("what it went on from, with what differs, is not what it is")
	}
	if saved.Memory > 16<<20 {
		t.Errorf("%d bytes differ", saved.Memory)
	}
	must(t, m.client.Resume(timed(t)))
	live := files(t)
	_, err := m.client.Precopy(timed(t), live.Memory, control.PrecopyOptions{Over: over})
	must(t, err)
	must(t, m.client.Pause(timed(t)))
	_, err = m.client.Save(timed(t), live, control.SaveOptions{Live: true, Over: over})
	must(t, err)
	whole, _ = mustSave(t, m, control.SaveOptions{})
	if laidOver(t, origin.Memory, live) != laidOver(t, whole.Memory) {
		t.Error("what it went on from, with what differs while it runs, is not what it is")
	}
	must(t, m.client.ForgetSave(timed(t)))
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})
}

// Steps that do not follow each other are refused.
func TestStepsOfASaveThatAreRefused(t *testing.T) {
	m := start(t, asmSpin, "", nil)
	precopy := func() error {
		_, err := m.client.Precopy(timed(t), file(t, nil), control.PrecopyOptions{})
		return err
	}
	sums := func() error {
		_, err := m.client.SaveSums(timed(t), file(t, nil))
		return err
	}
	save := func(o control.SaveOptions) error {
		_, err := m.client.Save(timed(t), files(t), o)
		return err
	}
	refused := func(what string, err error, code control.Code) {
		t.Helper()
		if control.CodeOf(err) != code {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("before the start", precopy(), control.WrongState)
	must(t, m.client.Start(timed(t)))
	refused("checksums of nothing", sums(), control.WrongState)
	must(t, m.client.ForgetSave(timed(t)))
	must(t, precopy())
	refused("checksums too early", sums(), control.WrongState)
	refused("a save of a machine that runs", save(control.SaveOptions{Live: true}), control.WrongState)
	must(t, m.client.Pause(timed(t)))
	refused("while it is paused", precopy(), control.WrongState)
	refused("a map of all pages", save(control.SaveOptions{Live: true, Over: &control.Over{}}), control.BadRequest)
	must(t, m.client.ForgetSave(timed(t)))
	refused("a live save of nothing", save(control.SaveOptions{Live: true}), control.WrongState)
	must(t, save(control.SaveOptions{}))
	must(t, m.client.Kill(timed(t)))
	m.ends(control.Exit{Reason: "kill"})
}
