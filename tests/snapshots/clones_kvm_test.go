package snapshots

import (
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/tests/guestload"
)

// TestClonesDrawOtherBytes has clones of one snapshot draw random bytes: in a program
// that drew them when the snapshot was taken, and in new ones. No two are alike, but
// for those of before.
func TestClonesDrawOtherBytes(t *testing.T) {
	for _, kernel := range []string{"debian-cloud", "debian-next-cloud"} {
		t.Run(kernel, func(t *testing.T) { clonesDraw(t, kernel) })
	}
}

func clonesDraw(t *testing.T, kernel string) {
	w := newWorld(t)
	source := w.boot(kind{kernel: kernel, memory: "224MiB", mebibytes: 2, seed: 4})
	source.GoesOn(source.Do("report")) // it draws
	taken := w.snapshot(source)
	thawed := time.Now()
	source.GoesOn(source.Do("report"))
	drawn := &drawn{t: t, by: make(map[string]string)}
	drawn.take(source, thawed)
	source.end(true)
	for range *clones {
		// A clone's wall clock is set before its programs go on: what it draws from
		// then on is its own.
		began := time.Now()
		c := w.restore(taken, true)
		c.GoesOn(c.Do("report"))
		drawn.take(c, began)
		// It is a driver of the platform's bus since Linux 6.10.
		driver := strings.Contains(c.exec("ls", "/sys/bus/acpi/drivers", "/sys/bus/platform/drivers"), "vmgenid")
		if !driver && kernel == "debian-next-cloud" {
			t.Errorf("%s: its kernel has no driver for the generation id", c.name)
		}
		if log := c.exec("dmesg"); driver && !strings.Contains(log, "crng reseeded due to virtual machine fork") {
			t.Errorf("%s: the kernel does not say that it has drawn a seed of its own", c.name)
		}
		w.must(w.Remove(t.Context(), c.name, manager.RemoveOptions{Force: true}))
	}
	w.forget(taken)
}

// drawn are all random bytes of a test, and who drew them.
type drawn struct {
	t  *testing.T
	by map[string]string
}

// take adds what an instance draws, and has drawn since a moment.
func (d *drawn) take(l *live, since time.Time) {
	d.t.Helper()
	time.Sleep(time.Second) // some draws of a busy worker
	r := l.Do("draws")
	// A tenth of a second is kept from either side of the moment: the clocks are two.
	own := 0
	for _, one := range r.Draws {
		if one.At > since.Add(100*time.Millisecond).UnixNano() {
			d.add(l.name, one.Bytes)
			own++
		}
	}
	if own == 0 {
		d.t.Errorf("%s: of %d draws none is its own", l.name, len(r.Draws))
	}
	d.add(l.name, r.Drawn)
	d.add(l.name, l.exec("/data/plain/"+guestload.Program, "draw"))
}

func (d *drawn) add(who, bytes string) {
	d.t.Helper()
	if len(bytes) != 64 {
		d.t.Errorf("%s: it drew %q", who, bytes)
	}
	if other, twice := d.by[bytes]; twice {
		d.t.Errorf("%s and %s drew the same bytes: %s", other, who, bytes)
	}
	d.by[bytes] = who
}
