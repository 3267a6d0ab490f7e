package fs

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// do sends a request that the server echoes.
func do(t testing.TB, q *virtqtest.Driver, opcode uint32) {
	t.Helper()
	m := message(uint64(opcode), 8)
	binary.LittleEndian.PutUint32(m[inOpcode:], opcode)
	if u := q.Do(t, [][]byte{m}, []int{outHeaderSize, 64}); u.Written == 0 {
		t.Fatalf("request %d: no reply", opcode)
	}
}

func save(d *Device) error { return d.Save(vmstate.New().Out("x")) }

func TestAShareThatIsMountedIsNotSaved(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	if err := save(d); err != nil {
		t.Errorf("before there is a driver: %v", err)
	}
	q := drivers(t, 1, virtqtest.Options{Size: 64})
	active := virtqtest.Activate(t, d, 0, q...)
	go s.echo()
	if err := save(d); err == nil || !strings.Contains(err.Error(), "it is not paused") {
		t.Errorf("while it runs: %v", err)
	}
	const mounted = `share "work": it is mounted in the guest, and open files of a share cannot be saved: unmount it first`
	const other = 3 // FUSE_GETATTR
	for _, step := range []struct {
		opcode uint32
		want   string
	}{{other, ""}, {opInit, mounted}, {other, mounted}, {opDestroy, ""}, {other, ""}, {opInit, mounted}} {
		do(t, q[1], step.opcode)
		d.Pause()
		got := ""
		if err := save(d); err != nil {
			got = err.Error()
		}
		if got != step.want {
			t.Errorf("after request %d: error %q, want %q", step.opcode, got, step.want)
		}
		d.Resume()
	}
	active.Deactivate()
	if err := save(d); err != nil {
		t.Errorf("after a reset: %v", err)
	}
}

// A share that waits for the server is not saved: the reply would be missing.
func TestAShareWithARequestUnderWayIsNotSaved(t *testing.T) {
	d, s := newTestDevice(t, Config{PauseDeadline: 10 * time.Millisecond}, goodHello)
	q := drivers(t, 1, virtqtest.Options{Size: 64})
	virtqtest.Activate(t, d, 0, q...)
	q[1].Add([][]byte{message(7, 0)}, []int{outHeaderSize})
	q[1].Kick()
	r := s.next()
	d.Pause()
	_ = s.report()
	if err := save(d); err == nil || !strings.Contains(err.Error(), "has not answered 1 requests") {
		t.Errorf("error %v", err)
	}
	s.reply(r.ID, answer(r))
	d.Resume()
	q[1].Wait(t)
	d.Pause()
	if err := save(d); err != nil {
		t.Error(err)
	}
}

// A guest that has not mounted a share yet does so with another server.
func TestAShareThatIsLoadedIsMountedLater(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	q := drivers(t, 1, virtqtest.Options{Size: 64, EventIndex: true})
	virtqtest.Activate(t, d, 0, q...)
	go s.echo()
	do(t, q[1], opInit)
	do(t, q[1], opDestroy)
	d.Pause()
	again, server := newTestDevice(t, Config{}, goodHello)
	vmstatetest.RoundTrip(t, d, again)
	memory := q[0].Memory.Copy(t)
	var copies []*virtqtest.Driver
	for _, q := range q {
		copies = append(copies, q.Move(t, memory))
	}
	virtqtest.ActivateHeld(t, again, 0, copies...)
	// Nothing of what is asked for meanwhile is taken.
	m := message(1, 0)
	binary.LittleEndian.PutUint32(m[inOpcode:], opInit)
	copies[1].Add([][]byte{m}, []int{outHeaderSize})
	at := copies[1].Queue().Position()
	for _, q := range copies {
		q.Queue().Kick()
	}
	again.Pause()
	time.Sleep(10 * time.Millisecond)
	if got := copies[1].Queue().Position(); got != at {
		t.Errorf("the queue is at %+v, was at %+v", got, at)
	}
	if err := save(again); err != nil {
		t.Errorf("saved again while it is held: %v", err)
	}
	again.Resume()
	r := server.next()
	server.reply(r.ID, answer(r))
	copies[1].Wait(t)
	again.Pause()
	if err := save(again); err == nil {
		t.Error("saved while it is mounted")
	}
	// The one that was saved goes on.
	d.Resume()
	do(t, q[1], opInit)
}

func TestStatesThatCannotBeLoadedAreRefused(t *testing.T) {
	d, _ := newTestDevice(t, Config{RequestQueues: 2}, goodHello)
	for want, s := range map[string]state{
		`share "other": this one is "work"`:         {Tag: "other", RequestQueues: 2},
		"3 request queues: this share has 2":        {Tag: "work", RequestQueues: 3},
		"4294967295 request queues: this share has": {Tag: "work", RequestQueues: 1<<32 - 1},
	} {
		all := vmstate.New()
		if err := all.Out("x").Put(stateVersion, s); err != nil {
			t.Fatal(err)
		}
		if err := d.Load(all.In("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one of %q", err, want)
		}
	}
	all := vmstate.New()
	if err := d.Save(all.Out("x")); err != nil {
		t.Fatal(err)
	}
	virtqtest.Activate(t, d, 0, drivers(t, 2, virtqtest.Options{})...)
	if err := d.Load(all.In("x")); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("loaded while it is active: %v", err)
	}
}

// keeper is a device without a server, which is all that a state needs.
func keeper() vmstate.Keeper { return &Device{config: Config{Tag: "work", RequestQueues: 2}} }

func TestGoldenState(t *testing.T) {
	vmstatetest.Golden(t, "v1", false, keeper(), keeper())
}

func FuzzLoad(f *testing.F) { vmstatetest.Fuzz(f, keeper, keeper()) }
