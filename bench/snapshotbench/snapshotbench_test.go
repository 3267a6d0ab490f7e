package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/bench/table"
	"github.com/hullvm/hull/manager/supervisor"
)

var some = options{
	vmlinux: "/k", initrd: "/i", programs: "bin", qemu: "qemu", crun: "crun", runc: "runc",
	rounds: 1, sizes: sizeList{128, 1024}, clones: 3, live: true, timeout: time.Minute,
}

func TestFiguresAreOneEach(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range figures(some) {
		if f.id == "" || strings.Contains(f.name, "%") || seen[f.id] || groupNames[f.group] == "" {
			t.Errorf("figure %+v is there twice, or incomplete", f)
		}
		seen[f.id] = true
	}
}

// Each figure is somebody's, and each subject has figures.
func TestAllFiguresAreMeasured(t *testing.T) {
	all := figures(some)
	left := make(map[string]bool)
	for _, f := range all {
		left[f.id] = true
	}
	for _, s := range subjectsOf(some) {
		n := 0
		for _, task := range s.does {
			for _, size := range append([]int{0}, some.sizes...) {
				if task.sized != (size != 0) {
					continue
				}
				for _, g := range task.groups {
					for _, one := range ownIDs(ids(all, g, size), s.name) {
						delete(left, one)
						n++
					}
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: no figures", s.name)
		}
	}
	if len(left) > 0 {
		t.Errorf("nobody measures %v", left)
	}
}

func TestOneGroupAloneIsWanted(t *testing.T) {
	for g := range groupNames {
		o := some
		o.only = string(g)
		if err := o.check(); err != nil {
			t.Errorf("%s: %v", g, err)
		}
		if len(figures(o)) == 0 {
			t.Errorf("%s: no figures", g)
		}
		for _, f := range figures(o) {
			if f.group != g {
				t.Errorf("%s: figure %+v", g, f)
			}
		}
	}
	if len(groupWords()) != len(groupNames) {
		t.Errorf("%v are not %v", groupWords(), groupNames)
	}
	o := some
	o.clones, o.live = 0, false
	for _, f := range figures(o) {
		if f.group == clones || f.group == live {
			t.Errorf("figure %+v", f)
		}
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for name, change := range map[string]func(*options){
		"no kernel": func(o *options) { o.vmlinux = "" }, "no initrd": func(o *options) { o.initrd = "" },
		"no round": func(o *options) { o.rounds = 0 }, "fewer than no clone": func(o *options) { o.clones = -1 },
		"no size": func(o *options) { o.sizes = nil }, "no such group": func(o *options) { o.only = "x" },
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

func TestSizesAreRead(t *testing.T) {
	var l sizeList
	if err := l.Set("128,8192"); err != nil || !slices.Equal(l, sizeList{128, 8192}) || l.String() != "128 8192" {
		t.Errorf("%v, %v", l, err)
	}
	for _, text := range []string{"", "128,", "0", "-1", "1GiB"} {
		if l.Set(text) == nil {
			t.Errorf("%q: accepted", text)
		}
	}
}

func TestQEMUGetsTheMachine(t *testing.T) {
	p := &place{options: some}
	one, other := newMachine(p, 1024, "-drive", "x"), newMachine(p, 1024)
	args := one.args()
	for flag, want := range map[string]string{"-kernel": "/k", "-initrd": "/i", "-m": "1024", "-smp": "1", "-drive": "x"} {
		if i := slices.Index(args, flag); i < 0 || args[i+1] != want {
			t.Errorf("%s is not %q in %q", flag, want, args)
		}
	}
	if one.cid == other.cid {
		t.Error("two guests have one address")
	}
}

func TestAMonitorSaysWhenItsGuestRan(t *testing.T) {
	m := &supervisor.Monitor{Timeline: []supervisor.Mark{{Name: "built", At: 3}, {Name: "run", At: 5}}}
	if at, err := ranAt(m); at != 5 || err != nil {
		t.Errorf("%v, %v", at, err)
	}
	for _, m := range []*supervisor.Monitor{nil, {Timeline: m.Timeline[:1]}} {
		if _, err := ranAt(m); err == nil {
			t.Error("no mark is taken for one")
		}
	}
}

func TestAnAgentIsAskedUntilItAnswers(t *testing.T) {
	tries := 0
	dial := func(ctx context.Context) (io.ReadWriteCloser, error) {
		if tries++; tries < 3 {
			return nil, errors.New("nobody is there")
		}
		ours, theirs := net.Pipe()
		go func() { _ = agent.NewServer(agent.ServerOptions{}).Serve(ctx, theirs) }()
		return ours, nil
	}
	if _, err := answered(t.Context(), dial); err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, late)
	defer cancel()
	_, err := answered(ctx, func(context.Context) (io.ReadWriteCloser, error) { return nil, errors.New("nobody") })
	if !errors.Is(err, late) || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v", err)
	}
}

// TestAContainersFolder holds it against what runtimes need.
func TestAContainersFolder(t *testing.T) {
	dir, shell := t.TempDir(), filepath.Join(t.TempDir(), "shell")
	if err := os.WriteFile(shell, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeBundle(dir, shell); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "rootfs", "bin", "sh")); err != nil || string(b) != "program" {
		t.Errorf("%q, %v", b, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Process struct{ Args []string }
		Root    struct{ Path string }
		Mounts  []struct{ Destination string }
		Linux   struct{ Namespaces []struct{ Type string } }
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(spec.Process.Args, []string{"sh", "-c", "echo " + ready}) || spec.Root.Path != "rootfs" || len(spec.Linux.Namespaces) != 5 {
		t.Errorf("%s", text)
	}
	for _, m := range spec.Mounts {
		if _, err := os.Stat(filepath.Join(dir, "rootfs", m.Destination)); err != nil {
			t.Error(err)
		}
	}
}

// TestAContainerIsTimed has scripts in a runtime's place.
func TestAContainerIsTimed(t *testing.T) {
	o := some
	o.programs = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.programs, "hull-shell"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &place{options: o, dir: t.TempDir()}
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "runtime")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	v, err := measureContainer(t.Context(), p, script(`[ "$3" = run ] && [ -f "$5/config.json" ] && echo `+ready))
	if err != nil || v["container-answer"] <= 0 {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := measureContainer(t.Context(), p, script("echo no such cgroup >&2; exit 1")); err == nil || !strings.Contains(err.Error(), "no such cgroup") {
		t.Errorf("a failure: %v", err)
	}
	if _, err := measureContainer(t.Context(), p, script("echo something else")); err == nil || !strings.Contains(err.Error(), "something") {
		t.Errorf("another word: %v", err)
	}
}

func TestTheReport(t *testing.T) {
	r := newTable(some, subjectsOf(some))
	r.Add(hull, "a restore", []string{"restore-answer-128"}, values{"restore-answer-128": 2}, nil, nil)
	r.Add(migrate, "a restore", []string{"restore-answer-128"}, values{"restore-answer-128": 8}, nil, nil)
	var b strings.Builder
	if err := report(&b, r, some, "0.1", "0.2"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"load 0.1 before and 0.2 after", table.Host(), "hull / qemu migrate", "| 0.25 |", "hull / crun", "1 GiB"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}
