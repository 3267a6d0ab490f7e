package machine

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hullvm/hull/internal/calltrace"
	"github.com/hullvm/hull/internal/guesttest"
	base "github.com/hullvm/hull/internal/jail"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/jail"
)

// busy is a machine with every device that needs no privilege.
func busy(t *testing.T, root, shared, socket string, images twins) string {
	t.Helper()
	return describe("512MiB", fmt.Sprintf(`
[[disk]]
name = "root"
path = %q
format = "raw"
mount = "/"
[[disk]]
name = "plain"
path = %q
format = "raw"
[[disk]]
name = "cow"
path = %q
format = "qcow2"
queues = 2
[[net]]
name = "user"
[[share]]
name = "shared"
path = %q
mount = "/mnt/shared"
[vsock]
path = %q
[rng]
enabled = true
[balloon]
enabled = true
`, root, images.raw, images.qcow2, shared, socket))
}

// TestAJailedMachine has a machine in a jailed process do what one in this process
// does: a system call too few in its filter ends it.
func TestAJailedMachine(t *testing.T) {
	guesttest.RequireKVM(t)
	shared, images := t.TempDir(), newTwins(t)
	m := bootJailed(t, busy(t, rootCopy(t), shared, filepath.Join(t.TempDir(), "vsock"), images))
	m.steps(t, []step{
		{"root is the disk", rootIsTheDisk},
		{"fio finds its own data", fioVerifies},
		{"twins are written alike", images.write},
		{"share", func(m *machine) { useShare(m, shared) }},
		{"1000 streams to the guest", streamsToGuest},
		{"streams of the guest", streamsOfGuest},
		{"output of a process that is gone", burst},
		{"entropy", readEntropy},
		{"control", steer},
		{"kernel log", readLog},
	})
	m.powerOff()
	m.close()
	m.quiet()
	images.compare(t)
}

// steer uses the control socket while the guest works.
func steer(m *machine) {
	t, ctx := m.t, m.t.Context()
	devices, err := m.client.Devices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	moved := make(map[string]bool)
	for _, d := range devices {
		moved[d.Kind] = moved[d.Kind] || d.Counters["read_bytes"]+d.Counters["received_frames"]+d.Counters["sent_frames"]+d.Counters["bytes"] > 0
	}
	for _, kind := range []string{"disk", "net", "rng"} {
		if !moved[kind] {
			t.Errorf("no %s has done anything: %+v", kind, devices)
		}
	}
	for range 3 {
		if err := m.client.Pause(ctx); err != nil {
			t.Fatal(err)
		}
		if err := m.client.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		m.sh("true")
	}
	if text, err := m.client.Dump(ctx); err != nil || text == "" {
		t.Errorf("a dump is %q, %v", text, err)
	}
	for _, up := range []bool{false, true} {
		if err := m.client.SetLink(ctx, control.Link{Name: "user", Up: up}); err != nil {
			t.Error(err)
		}
	}
	if err := m.client.SetDiskLimits(ctx, control.DiskLimits{Name: "plain", Bytes: 1 << 30}); err != nil {
		t.Error(err)
	}
	if err := m.client.SetBalloon(ctx, 16<<20); err != nil {
		t.Error(err)
	}
	memory, err := m.client.Memory(ctx)
	if err != nil || memory.Size != 512<<20 || memory.Resident < 16<<20 {
		t.Errorf("memory is %+v, %v", memory, err)
	}
}

// TestTheFilterIsNotWider counts the calls of a jailed process whose guest uses each
// device a little: the filter's tables have none that is never made, but for those
// that they call rare.
func TestTheFilterIsNotWider(t *testing.T) {
	guesttest.RequireKVM(t)
	if why := calltrace.Missing(); why != "" {
		guesttest.Missing(t, why)
	}
	shared, images := t.TempDir(), newTwins(t)
	var tracer *calltrace.Tracer
	text := busy(t, rootCopy(t), shared, filepath.Join(t.TempDir(), "vsock"), images)
	m := bootPlaced(t, text, func(pid int) (err error) {
		tracer, err = calltrace.Attach(pid)
		return err
	})
	m.sh("echo kept > /data/kept && sync && echo kept > /mnt/shared/kept")
	m.run(guestside, "disk", "/dev/vdb", "7", "10")
	m.run(guestside, "disk", "/dev/vdc", "7", "10")
	readEntropy(m)
	steer(m)
	m.powerOff()
	counts, err := tracer.Counts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Concat(base.Runtime(), base.RuntimeConditional(), jail.Calls(), jail.Conditional()) {
		report(t, c.Name, c.Rare, counts.Calls[c.Name])
	}
	for _, r := range jail.Requests() {
		report(t, r.Name, r.Rare, counts.Requests[r.Number])
	}
	m.close()
}

func report(t *testing.T, name, rare string, count int) {
	t.Helper()
	switch {
	case count == 0 && rare == "":
		t.Errorf("%s was not made, and is not marked as rare", name)
	case count == 0:
		t.Logf("%s was not made: %s", name, rare)
	default:
		t.Logf("%s was made %d times", name, count)
	}
}
