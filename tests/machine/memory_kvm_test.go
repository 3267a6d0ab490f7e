package machine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/devices/virtio/balloon"
)

const mib = 1 << 20

// TestMemoryGoesBackToTheHost has a guest of 2 GiB touch half of it and free it,
// and looks at the monitor's resident size; then the balloon takes and gives.
func TestMemoryGoesBackToTheHost(t *testing.T) {
	image := overlay(t)
	m := boot(t, describe("2GiB", fmt.Sprintf(`
[[disk]]
name = "root"
path = %q
format = "qcow2"
backing = [%q]
mount = "/"
[vsock]
path = %q
[balloon]
enabled = true
`, image, rootImage(t), filepath.Join(t.TempDir(), "vsock"))))

	const touched = 1024 * mib
	before := resident(t)
	in, stop := io.Pipe()
	p := m.begin(agent.Command{Args: []string{guestside, "memory", fmt.Sprint(touched)}, Stdin: in})
	p.says("touched")
	full := resident(t)
	if full < before+touched*9/10 {
		t.Errorf("the guest touched %d MiB, and the monitor grew from %d to %d MiB", touched/mib, before/mib, full/mib)
	}
	_ = stop.Close() // never fails
	p.succeed()
	freed := shrinks(t, full-touched*8/10)
	t.Logf("resident: %d MiB, with %d MiB touched %d MiB, and %d MiB when they were freed", before/mib, touched/mib, full/mib, freed/mib)

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	free := func() uint64 {
		t.Helper()
		s, err := m.set.Balloon.Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if s[balloon.MemoryTotal] == 0 || s[balloon.MemoryFree] > s[balloon.MemoryTotal] {
			t.Errorf("statistics: %v", s)
		}
		return s[balloon.MemoryFree]
	}
	empty := free()
	for _, target := range []uint64{512 * mib, 128 * mib, 0} {
		if err := m.set.Balloon.SetTarget(target); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("the balloon holds %d MiB", target/mib), func() bool { return m.set.Balloon.Actual() == target })
		if got, most := free(), empty-target+64*mib; got > most {
			t.Errorf("with %d MiB in the balloon the guest has %d MiB free, want at most %d", target/mib, got/mib, most/mib)
		}
	}
	readLog(m)
	m.powerOff()
	m.close()
	m.quiet()
}

// shrinks waits until no more than most bytes of this process are resident.
func shrinks(t *testing.T, most uint64) uint64 {
	t.Helper()
	var now uint64
	eventually(t, fmt.Sprintf("at most %d MiB are resident", most/mib), func() bool {
		now = resident(t)
		return now <= most
	})
	return now
}

// eventually asks until something has become true. It is for what tells nobody.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for end := time.Now().Add(patience); !is(); <-pause.C {
		if time.Now().After(end) {
			t.Fatalf("after %v it is still not so that %s", patience, what)
		}
	}
}

// resident is how much memory of this process the host holds, in bytes.
func resident(t testing.TB) uint64 {
	t.Helper()
	f, err := os.Open("/proc/self/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) == 3 && fields[0] == "Rss:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("smaps_rollup has no Rss")
	return 0
}
