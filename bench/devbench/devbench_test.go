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

// A figure keeps its direction, and the monitors theirs, on the way to the table.
func TestTheTableHasTheMachinesAndTheLoad(t *testing.T) {
	more, less := figures.All[0], figures.All[len(figures.All)-1]
	wanted := []figures.Figure{more, less}
	r := newTable(peers, wanted)
	values := func(a, b float64) outcome { return outcome{values: map[string]float64{more.ID: a, less.ID: b}} }
	add(r, peers[0], wanted, values(50, 200), nil)
	add(r, peers[1], wanted, values(100, 400), nil)
	add(r, peers[1], wanted, outcome{reasons: map[string]string{more.ID: "broken"}}, errors.New("it died"))
	add(r, peers[2], wanted, outcome{}, errors.New("did not boot"))
	var b strings.Builder
	if err := report(&b, r, options{rounds: 3, memory: 77}, "1", "2"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"guests of 0 vCPU and 77 MiB; 3 rounds", "load average 1 before and 2 after", "| **0.50** | - |", "| 0.50 | - |",
		more.Name + ", 1 times: broken", "it died", "a machine (2 figures are missing), 1 times: did not boot",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
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
