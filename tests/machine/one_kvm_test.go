package machine

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
)

// TestOneMachine boots one machine with all devices but a network, and drives
// everything of it through the agent.
func TestOneMachine(t *testing.T) {
	rootDisk := rootCopy(t)
	shared, readOnly := t.TempDir(), t.TempDir()
	socket := filepath.Join(t.TempDir(), "vsock")
	images := newTwins(t)
	m := boot(t, describe("512MiB", fmt.Sprintf(`
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
[[share]]
name = "shared"
path = %q
mount = "/mnt/shared"
[[share]]
name = "fixed"
path = %q
read_only = true
cache = "none"
mount = "/mnt/fixed"
[vsock]
path = %q
[rng]
enabled = true
[balloon]
enabled = true
`, rootDisk, images.raw, images.qcow2, shared, readOnly, socket)))

	m.steps(t, []step{
		{"root is the disk", rootIsTheDisk},
		{"fio finds its own data", fioVerifies},
		{"twins are written alike", images.write},
		{"share", func(m *machine) { useShare(m, shared) }},
		{"read-only share", func(m *machine) { useReadOnlyShare(m, readOnly) }},
		{"1000 streams to the guest", streamsToGuest},
		{"streams of the guest", streamsOfGuest},
		{"output of a process that is gone", burst},
		{"terminal", useTerminal},
		{"signals", sendSignals},
		{"copy in and out", copyInAndOut},
		{"statistics", readStats},
		{"entropy", readEntropy},
		{"kernel log", readLog},
	})
	m.powerOff()
	m.close()
	m.quiet()
	images.compare(t)
	if out, err := exec.Command("e2fsck", "-fn", rootDisk).CombinedOutput(); err != nil {
		t.Errorf("e2fsck: %v\n%s", err, out)
	}
}

// step is a part of a machine's life that is tested.
type step struct {
	name string
	does func(*machine)
}

// steps makes one step after the other, for as long as the guest's agent is there.
func (m *machine) steps(t *testing.T, list []step) {
	t.Helper()
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) { s.does(m.in(t)) })
		select {
		case <-m.agent.Done():
			t.Fatalf("the agent is gone: %v", m.agent.Err())
		default:
		}
	}
}

// quiet holds the monitor to having nothing to say.
func (m *machine) quiet() {
	m.t.Helper()
	if said := warnings(m.log.String()); len(said) > 0 {
		m.t.Errorf("the monitor says:\n%s", said)
	}
}

// readLog reads the kernel's log for complaints.
func readLog(m *machine) {
	if c := guesttest.Complaints(m.t, m.sh("dmesg --level=emerg,alert,crit,err,warn")); c != "" {
		m.t.Errorf("the kernel complains:\n%s", c)
	}
}
