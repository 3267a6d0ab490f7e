package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/bench/figures"
	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/configs"
)

func TestLibrariesAreTheFilesThatLddNames(t *testing.T) {
	got := libraries(`	linux-vdso.so.1 (0x00007f7153834000)
	libiperf.so.0 => /lib/x86_64-linux-gnu/libiperf.so.0 (0x00007f71537ed000)
	libmissing.so => not found
	/lib64/ld-linux-x86-64.so.2 (0x00007f7153836000)
`)
	if want := []string{"/lib/x86_64-linux-gnu/libiperf.so.0", "/lib64/ld-linux-x86-64.so.2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHullTakesItsDescription(t *testing.T) {
	o := options{vcpus: 2, memory: 512, bundle: "debian-cloud"}
	for _, text := range []string{
		devicesTOML("/tmp/x", "/tmp/x/vsock", o, true) + "[boot]\nkernel = \"debian-cloud\"\n[init]\nexec = [\"/guestbench\", \"ready\"]\n",
		devicesTOML("/tmp/x", "/tmp/x/vsock", o, false) + "[boot]\nkernel = \"/k\"\ninitrd = \"/i\"\ncmdline_default = false\ncmdline = \"quiet\"\n",
	} {
		m, err := configs.Parse("bench.toml", []byte(text))
		if err != nil {
			t.Errorf("%v in:\n%s", err, text)
			continue
		}
		if len(m.Disks) != 2 || len(m.Nets) != 2 || m.Vsock.Path == "" {
			t.Errorf("devices are missing: %+v", m)
		}
	}
}

func TestTheBootFigureHasAMachineOfItsOwn(t *testing.T) {
	got := jobs(figures.All)
	if len(got) != 2 || got[0].boot || !got[1].boot || len(got[0].figures)+len(got[1].figures) != len(figures.All) {
		t.Errorf("got %+v", got)
	}
	if got := jobs(got[1].figures); len(got) != 1 || !got[0].boot {
		t.Errorf("for that figure alone: %+v", got)
	}
}

func TestRestIsCountedPerSecond(t *testing.T) {
	begin := time.Unix(1000, 0)
	before := view{at: begin, exits: 100, threads: map[int]measure.Thread{1: {Switches: 5}, 2: {Switches: 50, VCPU: true}}}
	after := view{at: begin.Add(4 * time.Second), exits: 300, memory: 3 << 20, threads: map[int]measure.Thread{1: {Switches: 9}, 2: {Switches: 70, VCPU: true}}}
	got := after.since(before)
	for id, want := range map[string]float64{"idle-switches": 6, "idle-others": 1, "idle-exits": 50, "memory": 3} {
		if got[id] != want {
			t.Errorf("%s: %v, want %v", id, got[id], want)
		}
		if f, ok := figures.ByID(id); !ok || f.Group != figures.Rest {
			t.Errorf("%s is no figure of a machine at rest", id)
		}
	}
}

// Whatever failed, each figure is one line, and all lines have the same number of
// cells.
func TestTheTableIsWhole(t *testing.T) {
	more, less := figures.All[0], figures.All[len(figures.All)-1]
	r := newResults(peers, []figures.Figure{more, less})
	values := func(a, b float64) outcome { return outcome{values: map[string]float64{more.ID: a, less.ID: b}} }
	r.add(peers[0], r.figures, values(50, 200), nil)
	r.add(peers[0], r.figures, values(60, 210), nil)
	r.add(peers[0], r.figures, values(40, 190), nil)
	r.add(peers[1], r.figures, values(100, 400), nil)
	r.add(peers[1], r.figures, outcome{reasons: map[string]string{more.ID: "broken | twice\nover"}}, errors.New("it died"))
	r.add(peers[2], r.figures, outcome{}, errors.New("did not boot"))
	var b strings.Builder
	if err := r.print(&b, options{rounds: 3}, "1", "2"); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		"50.0 (40.0-60.0)", "| **0.50** | - |", "| 0.50 | - |",
		`broken \| twice over`, "it died", "a machine (2 figures are missing), 1 times: did not boot", "load average 1 before and 2 after",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	cells := 0
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		n := strings.Count(line, "|") - strings.Count(line, `\|`)
		if cells == 0 {
			cells = n
		}
		if n != cells {
			t.Errorf("%d bars, the head has %d: %s", n, cells, line)
		}
	}
}

func TestTheHostsStreamsCountAndSend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	s, err := hybrid(path)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(port string) *net.UnixConn {
		conn, err := net.Dial("unix", path+"_"+port)
		if err != nil {
			t.Fatal(err)
		}
		return conn.(*net.UnixConn)
	}
	out := dial("5501")
	if _, err := out.Write(make([]byte, 100000)); err != nil {
		t.Fatal(err)
	}
	if err := out.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(out)
	if err != nil || len(answer) != 8 || binary.LittleEndian.Uint64(answer) != 100000 {
		t.Errorf("the host's account: %v, %v", answer, err)
	}
	in := dial("5502")
	if n, err := io.CopyN(io.Discard, in, 1<<20); err != nil {
		t.Errorf("received %d bytes: %v", n, err)
	}
	idle := dial("5501") // close ends it
	if err := s.close(); err != nil {
		t.Error(err)
	}
	for _, c := range []io.Closer{out, in, idle} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
