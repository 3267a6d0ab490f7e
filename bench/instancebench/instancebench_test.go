package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hullvm/hull/bench/table"
)

var some = options{
	vmlinux: "/k", initrd: "/i", rounds: 1, vcpus: 1, memory: 128, instances: 10, vms: 3, vmMemory: 96, programs: "bin",
}

func TestHullAndQEMUGetTheSameMachine(t *testing.T) {
	m, err := hullMachine(some)
	if err != nil {
		t.Fatal(err)
	}
	args := qemuArgs(some, "q35")
	after := func(flag string) string {
		i := slices.Index(args, flag)
		if i < 0 || i+1 == len(args) {
			t.Fatalf("no %s in %q", flag, args)
		}
		return args[i+1]
	}
	for flag, want := range map[string]string{
		"-kernel": m.Boot.Kernel, "-initrd": m.Boot.Initrd, "-append": m.Boot.Cmdline, "-smp": fmt.Sprint(m.CPU.Count),
		"-m": fmt.Sprint(uint64(m.Memory.Size) >> 20), "-M": "q35",
	} {
		if got := after(flag); got != want {
			t.Errorf("%s is %q, Hull has %q", flag, got, want)
		}
	}
	if m.Boot.CmdlineDefault {
		t.Error("Hull adds to the command line")
	}
}

func TestFiguresAreOneEach(t *testing.T) {
	for _, o := range []options{some, {instances: 1, vms: 1}} {
		seen := make(map[string]bool)
		for _, f := range figures(o) {
			if f.id == "" || f.name == "" || seen[f.id] || groupNames[f.group] == "" {
				t.Errorf("figure %+v is there twice, or incomplete", f)
			}
			seen[f.id] = true
		}
	}
}

func TestOneGroupAloneIsWanted(t *testing.T) {
	for g := range groupNames {
		o := some
		o.only = string(g)
		if err := o.check(); err != nil {
			t.Errorf("%s: %v", g, err)
		}
		got := figures(o)
		if len(got) == 0 || len(got) != len(ids(got, g)) {
			t.Errorf("%s: figures %+v", g, got)
		}
	}
	o := some
	o.vms = 0
	if got := ids(figures(o), fleet); len(got) > 0 {
		t.Errorf("without machines at once there is %q", got)
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for name, change := range map[string]func(*options){
		"no kernel": func(o *options) { o.vmlinux = "" }, "no initrd": func(o *options) { o.initrd = "" },
		"no round": func(o *options) { o.rounds = 0 }, "no instance": func(o *options) { o.instances = 0 },
		"fewer than no machine": func(o *options) { o.vms = -1 }, "no such group": func(o *options) { o.only = "x" },
	} {
		o := some
		change(&o)
		if o.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if o := some; o.check() != nil {
		t.Error("what can be measured is refused")
	}
}

func TestASamplerKeepsTheMost(t *testing.T) {
	values := []int64{3, 9, 4}
	var next atomic.Int64
	seen := make(chan struct{})
	s := newSampler(time.Microsecond, func() (int64, error) {
		i := next.Add(1) - 1
		if i == int64(len(values)) {
			close(seen)
		}
		return values[min(i, int64(len(values))-1)], nil
	})
	<-seen
	if most, err := s.end(); most != 9 || err != nil || s.looks <= len(values) {
		t.Errorf("most %d, %v, after %d looks", most, err, s.looks)
	}
}

func TestASamplerThatCannotLookSaysSo(t *testing.T) {
	gone := errors.New("gone")
	s := newSampler(time.Microsecond, func() (int64, error) { return 0, gone })
	if _, err := s.end(); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestInstancesAreMadeAndListed(t *testing.T) {
	o := some
	o.instances = 3
	l, err := makeLists(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.remove()
	values := make(map[string]float64)
	for _, h := range l.homes {
		if err := h.list(t.Context(), values); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"list-1-wall", "list-1-cpu", "list-3-wall", "list-3-cpu"} {
		if v, ok := values[id]; !ok || v < 0 {
			t.Errorf("%s: %v, %v", id, v, ok)
		}
	}
	l.homes[0].count = 2
	if err := l.homes[0].list(t.Context(), values); err == nil {
		t.Error("a list that is too short was accepted")
	}
}

func TestTheReportSaysHowBusyTheHostWas(t *testing.T) {
	r := newTable(some, peers)
	r.Add(hullColumn, groupNames[start], ids(figures(some), start), map[string]float64{"start-wall": 2, "start-cpu": 1, "start-faults": 3}, nil, nil)
	r.Add("qemu q35", groupNames[start], ids(figures(some), start), map[string]float64{"start-wall": 4, "start-cpu": 4, "start-faults": 6}, nil, nil)
	var b strings.Builder
	if err := report(&b, r, some, "0.1", "0.2"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"load 0.1 before and 0.2 after", table.Host(), "hull / qemu q35", "| 0.50 |", "| 0.25 |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}
