package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
)

// TestAKilledMonitorLeavesWholeImages kills hull while the guest writes to qcow2
// images, and looks at them. Each round goes on with what the last one left.
func TestAKilledMonitorLeavesWholeImages(t *testing.T) {
	guesttest.RequireKVM(t)
	image := overlay(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data.qcow2")
	qemuImg(t, "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", data, "64M")
	file := filepath.Join(dir, "killed.toml")
	text := strings.Replace(describe("256MiB", fmt.Sprintf(`
[[disk]]
name = "root"
path = %q
format = "qcow2"
backing = [%q]
mount = "/"
[[disk]]
name = "data"
path = %q
format = "qcow2"
`, image, rootImage(t), data)), "sleep 1000000", "guestside load /dev/vdb 0", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range *killRounds {
		var out transcript
		hull := exec.Command(filepath.Join(programs(), "hull"), "boot", file)
		hull.Stdout, hull.Stderr = &out, &out
		if err := hull.Start(); err != nil {
			t.Fatal(err)
		}
		// Each time it has written a little more when it is killed.
		eventually(t, "the guest writes", func() bool {
			return strings.Count(out.String(), "written") > 2*round
		})
		_ = hull.Process.Kill()
		_ = hull.Wait() // killed
		qemuImg(t, "check", "-q", "-f", "qcow2", data)
		qemuImg(t, "check", "-q", "-f", "qcow2", image)
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, out.tail())
		}
	}
}
