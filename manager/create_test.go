package manager

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

func actions(t *testing.T, m *Manager) []string {
	t.Helper()
	var list []string
	for e, err := range m.Events(t.Context(), events.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Action+" "+e.Name)
	}
	return list
}

func TestADescriptionHoldsAnywhere(t *testing.T) {
	m := testManager(t)
	machine := testMachine(t, `
[[share]]
name = "src"
path = "src"
[[net]]
name = "lan"
publish = ["8080:80", "0.0.0.0:53:53/udp"]
[limits]
cpus = "1.5"
memory = "1GiB"
`)
	d, err := m.Create(t.Context(), CreateOptions{Machine: machine})
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := configs.Parse("/x.toml", []byte(d.Machine))
	if err != nil {
		t.Fatal(err)
	}
	if kept.Shares[0].Path != filepath.Join(here, "src") || kept.Name != d.Name || kept.Init.Hostname == "box" {
		t.Errorf("%s", d.Machine)
	}
	if want := filepath.Join(m.dirs.RunDir(d.ID), "vsock.sock"); kept.Vsock.Path != want {
		t.Errorf("vsock at %q, want %q", kept.Vsock.Path, want)
	}
	if d.CPUs != 150 || d.MemoryLimit != 1<<30 || strings.Join(d.Ports, " ") != "127.0.0.1:8080->80/tcp 0.0.0.0:53->53/udp" {
		t.Errorf("%+v", d)
	}
	if machine.Name != "box" || machine.Shares[0].Path != "src" {
		t.Error("the caller's machine was changed")
	}
	if !strings.Contains(d.Name, "_") {
		t.Errorf("made up: %q", d.Name)
	}
}

func TestWhatCannotBeCreatedLeavesNothing(t *testing.T) {
	m := testManager(t)
	mustCreate(t, m, "one", nil)
	for name, c := range map[string]struct {
		o    CreateOptions
		kind instance.Kind
	}{
		"a taken name":     {CreateOptions{Name: "one", Machine: testMachine(t, "")}, instance.KindNameTaken},
		"no name":          {CreateOptions{Name: "-x", Machine: testMachine(t, "")}, instance.KindInvalid},
		"for ever and not": {CreateOptions{Name: "two", AutoRemove: true, Machine: testMachine(t, "lifecycle.restart = 'always'")}, instance.KindInvalid},
	} {
		if _, err := m.Create(t.Context(), c.o); instance.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := listed(t, m, ListOptions{All: true}); got != "one" {
		t.Errorf("there are %q", got)
	}
	far, err := Open(Dirs{State: t.TempDir(), Run: filepath.Join(t.TempDir(), strings.Repeat("x", 90))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = far.Create(t.Context(), CreateOptions{Machine: testMachine(t, "")})
	if instance.KindOf(err) != instance.KindInvalid || !strings.Contains(err.Error(), "socket") {
		t.Errorf("a folder whose sockets nobody can reach: %v", err)
	}
}

func TestOneAtRestIsChangedAndRemoved(t *testing.T) {
	m := testManager(t)
	d := mustCreate(t, m, "one", nil)
	ctx := t.Context()
	two := configs.CPUQuota(200)
	if err := m.Update(ctx, "one", instance.Update{CPUs: &two}); err != nil {
		t.Fatal(err)
	}
	if err := m.Rename(ctx, "one", "uno"); err != nil {
		t.Fatal(err)
	}
	detail, err := m.Inspect(ctx, d.ID[:10])
	if err != nil || detail.Name != "uno" || detail.CPUs != 200 || detail.Monitor != nil {
		t.Errorf("%+v, %v", detail, err)
	}
	if exit, err := m.Wait(ctx, "uno"); err != nil || exit.Code != 0 {
		t.Errorf("wait for what never ran: %+v, %v", exit, err)
	}
	if err := m.Stop(ctx, "uno", StopOptions{}); err != nil {
		t.Errorf("stop of what does not run: %v", err)
	}
	memory := uint64(1 << 30)
	for name, err := range map[string]error{
		"kill":            m.Kill(ctx, "uno", 9),
		"pause":           m.Pause(ctx, "uno"),
		"unpause":         m.Unpause(ctx, "uno"),
		"top":             second(m.Top(ctx, "uno")),
		"exec":            second(m.Exec(ctx, "uno", ExecOptions{})),
		"attach":          second(m.Attach(ctx, "uno", AttachOptions{})),
		"copy":            m.CopyFrom(ctx, "uno", "/", nil),
		"rates of a disk": m.Update(ctx, "uno", instance.Update{Disks: map[string]instance.DiskRates{"a": {}}}),
	} {
		if instance.KindOf(err) != instance.KindWrongState || !strings.Contains(err.Error(), `"uno"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"no change":            m.Update(ctx, "uno", instance.Update{}),
		"a balloon of nothing": m.Update(ctx, "uno", instance.Update{Memory: &memory}),
		"its own name":         m.Rename(ctx, "uno", "uno"),
		"no name":              m.Rename(ctx, "uno", "a/b"),
	} {
		if instance.KindOf(err) != instance.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.Remove(ctx, "uno", RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"remove":  m.Remove(ctx, "uno", RemoveOptions{Force: true}),
		"start":   m.Start(ctx, "uno"),
		"inspect": second(m.Inspect(ctx, d.ID)),
		"logs":    second(m.Logs(ctx, "uno", LogOptions{})),
	} {
		if instance.KindOf(err) != instance.KindNotFound {
			t.Errorf("%s of what is gone: %v", name, err)
		}
	}
	want := "create one|update one|rename uno|destroy uno"
	if got := strings.Join(actions(t, m), "|"); got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

func second[T any](_ T, err error) error { return err }

func TestWhatCannotBeReadIsListedAndRemovedByForce(t *testing.T) {
	m := testManager(t)
	d := mustCreate(t, m, "one", nil)
	if err := os.WriteFile(filepath.Join(m.store.Dir(d.ID), "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := m.List(t.Context(), ListOptions{})
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Problem, "state.json") {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := m.Remove(t.Context(), "one", RemoveOptions{}); instance.KindOf(err) != instance.KindCorrupt {
		t.Errorf("removed without force: %v", err)
	}
	if err := m.Remove(t.Context(), "one", RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if list, err := m.List(t.Context(), ListOptions{All: true}); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestDirsFollowTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		env        map[string]string
		state, run string
	}{
		{map[string]string{"HULL_HOME": "/h"}, "/h", "/h/run"},
		{map[string]string{"HULL_HOME": "/h", "HULL_RUN_DIR": "/r"}, "/h", "/r"},
	} {
		d := DirsFromEnv(func(k string) string { return c.env[k] })
		if d.State != c.state || d.Run != c.run {
			t.Errorf("%v: %+v", c.env, d)
		}
	}
}
