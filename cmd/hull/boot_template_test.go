package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// keptMachine is a machine file as a snapshot has it: of an instance of its own name,
// with every value filled in, and the socket by which its guest is reached.
func keptMachine(t *testing.T, text string) string {
	t.Helper()
	m, err := configs.Parse("web.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	m.SetName("brave_hopper")
	m.Absolute(here)
	m.Vsock.Path = "/run/hull/instances/" + instance.ShortID(someID("1")) + "/vsock.sock"
	return string(configs.Render(m))
}

// templates is an engine that has a template "golden" of a machine.
func templates(t *testing.T, text string) *fakeEngine {
	f := &fakeEngine{fakeSnapshots: fakeSnapshots{snapshots: someSnapshots()}}
	f.machine = keptMachine(t, text)
	f.files = t.TempDir()
	return f
}

func TestBootMakesTheTemplate(t *testing.T) {
	f := templates(t, smallMachine)
	id := someID("c")
	hull(t, f, "boot", "-d", "--template", "fresh", "--name", "shop", machineFile(t, smallMachine)).want(t, id+"\n", "", 0)
	wantCalls(t, f, "inspect-snapshot fresh", "create shop", "start "+id, "stat "+id+" /", `snapshot `+id+` "fresh" live=false stop=false`)
	if order := strings.Join(f.calls, "; "); !strings.HasSuffix(order, "stat "+id+` /; snapshot `+id+` "fresh" live=false stop=false`) {
		t.Errorf("the agent is not waited for before the snapshot: %s", order)
	}
}

func TestBootStartsFromTheTemplate(t *testing.T) {
	for name, file := range map[string]string{
		"the same machine": smallMachine,
		"another name":     "name = \"other\"\n" + smallMachine,
	} {
		t.Run(name, func(t *testing.T) {
			f := templates(t, smallMachine)
			hull(t, f, "boot", "-d", "--template", "golden", "--name", "shop", "--rm", "-l", "a=b", "--no-jail", "--slow-kvm", "--kvm", "dev/kvm", machineFile(t, file)).want(t, someID("1")+"\n", "", 0)
			wantCalls(t, f, "inspect-snapshot golden", `clone golden name="shop" count=1 labels=a=b verify=false paused=false rm=true`)
			if !f.made.Unconfined || !f.made.SlowKVM || !filepath.IsAbs(f.made.KVM) {
				t.Errorf("%+v", f.made)
			}
		})
	}
}

func TestBootFromATemplateJoinsTheConsole(t *testing.T) {
	for name, template := range map[string]string{"c": "fresh", "1": "golden"} {
		f := templates(t, smallMachine)
		f.instances = []manager.Summary{{Description: instance.Description{ID: someID(name), Name: "made"}, State: instance.State{Status: instance.Running}}}
		f.guest, f.exits = saying("hello\r\n"), exits(instance.Exit{Code: 3, Reason: instance.PowerOff})
		attached(t, f, "boot", "--template", template, machineFile(t, smallMachine)).want(t, "hello\r\n", "", 3)
	}
}

// TestWhoLosesTheRaceForTheTemplateGoesOn has another have made it meanwhile.
func TestWhoLosesTheRaceForTheTemplateGoesOn(t *testing.T) {
	for _, kind := range []instance.Kind{instance.KindNameTaken, instance.KindBusy} {
		f := templates(t, smallMachine)
		f.fail = map[string]error{"snapshot": &instance.Error{Kind: kind, Err: errors.New(`snapshot "fresh": no`)}}
		hull(t, f, "boot", "-d", "--template", "fresh", machineFile(t, smallMachine)).want(t, someID("c")+"\n", "", 0)
	}
}

func TestBootGoesOnWithoutATemplateThatCannotBeMade(t *testing.T) {
	f := templates(t, smallMachine)
	f.fail = map[string]error{"stat": &instance.Error{Kind: instance.KindUnsupported, Err: errors.New(`instance "made_up": look at "/": the guest's agent has not answered within 5s`)}}
	hull(t, f, "boot", "-d", "--template", "fresh", machineFile(t, smallMachine)).want(t, someID("c")+"\n",
		"hull: template \"fresh\" was not made: instance \"made_up\": look at \"/\": the guest's agent has not answered within 5s\n", 0)
	for _, call := range f.calls {
		if strings.HasPrefix(call, "snapshot") || strings.HasPrefix(call, "remove") {
			t.Errorf("asked for: %s", call)
		}
	}
}

func TestBootForATemplateLeavesNothingThatDidNotStart(t *testing.T) {
	f := templates(t, smallMachine)
	f.fail = map[string]error{"start": errors.New("no KVM")}
	hull(t, f, "boot", "-d", "--template", "fresh", machineFile(t, smallMachine)).want(t, "", "hull: no KVM\n", 125)
	id := someID("c")
	wantCalls(t, f, "inspect-snapshot fresh", "create ", "start "+id, "remove "+id+" force=true")
}

// TestAnInterruptedBootForATemplateLeavesNothing ends hull while the guest comes up.
func TestAnInterruptedBootForATemplateLeavesNothing(t *testing.T) {
	f := templates(t, smallMachine)
	f.fail = map[string]error{"stat": context.Canceled}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, stdout, stderr := hullApp(f, nil, nil)
	status := a.main(ctx, []string{"boot", "-d", "--template", "fresh", machineFile(t, smallMachine)})
	outcome{stdout.String(), stderr.String(), status}.want(t, "", "hull: context canceled\n", 125)
	id := someID("c")
	wantCalls(t, f, "inspect-snapshot fresh", "create ", "start "+id, "stat "+id+" /", "remove "+id+" force=true")
}

func TestBootRefusesATemplate(t *testing.T) {
	const remedy = "; remove it with hull snapshot rm golden, or give another name\n"
	other := "hull: template \"golden\" was made of another machine: "
	for name, test := range map[string]struct {
		kept, asked string
		template    string
		args        []string
		fail        map[string]error
		stderr      string
	}{
		"value":       {smallMachine, smallMachine + "[memory]\nsize = \"256MiB\"\n", "golden", nil, nil, other + `it has [memory] size = "512MiB", and this one size = "256MiB"` + remedy},
		"set":         {smallMachine, smallMachine, "golden", []string{"--set", "cpu.count=2"}, nil, other + `it has [cpu] count = 1, and this one count = 2` + remedy},
		"less":        {smallMachine + "[balloon]\nenabled = true\n", smallMachine, "golden", nil, nil, other + `it has [balloon] enabled = true, and this one enabled = false` + remedy},
		"one disk":    {smallMachine, smallMachine + "[[disk]]\nname = \"d\"\npath = \"./d.img\"\nformat = \"raw\"\n", "golden", nil, nil, other + `it has no [[disk]] name = "d"` + remedy},
		"no disk":     {smallMachine + "[[disk]]\nname = \"d\"\npath = \"./d.img\"\nformat = \"raw\"\n", smallMachine, "golden", nil, nil, other + `it has [[disk]] name = "d", and this one has not` + remedy},
		"its socket":  {smallMachine, smallMachine + "[vsock]\npath = \"/srv/v.sock\"\n", "golden", nil, nil, other + `it has [vsock] path = "/run/hull/instances/111111111111/vsock.sock", and this one path = "/srv/v.sock"` + remedy},
		"unusable":    {smallMachine, smallMachine, "torn", nil, nil, "hull: template \"torn\" cannot be used: memory: block 17: its checksum is 0123456789abcdef, and should be fedcba9876543210; remove it with hull snapshot rm torn, or give another name\n"},
		"slash":       {smallMachine, smallMachine, "a/b", nil, nil, "hull: --template: name \"a/b\": it may have letters, digits, '.', '_' and '-' only\n"},
		"empty":       {smallMachine, smallMachine, "", nil, nil, "hull: --template: name \"\": it is empty\n"},
		"taken":       {smallMachine, smallMachine, "golden", []string{"--name", "web"}, map[string]error{"clone": nameTaken("instance", "web")}, "hull: instance \"web\": another has the name; give another by --name\n"},
		"inspect":     {smallMachine, smallMachine, "golden", nil, map[string]error{"inspect-snapshot": errors.New("permission denied")}, "hull: permission denied\n"},
		"dry run":     {smallMachine, smallMachine, "golden", []string{"--dry-run"}, nil, "hull: --dry-run: a machine in the background has no use for it; leave it out, or boot without --template\n"},
		"not a value": {"", smallMachine, "golden", nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := templates(t, smallMachine)
			if test.kept == "" {
				f.machine = "x ="
			} else {
				f.machine = keptMachine(t, test.kept)
			}
			f.fail = test.fail
			got := hull(t, f, append([]string{"boot", "-d", "--template", test.template, machineFile(t, test.asked)}, test.args...)...)
			if test.kept == "" {
				if got.status != 125 || !strings.HasPrefix(got.stderr, "hull: template \"golden\": its machine: ") || !strings.HasSuffix(got.stderr, remedy) {
					t.Errorf("status %d, %s", got.status, got.stderr)
				}
			} else {
				got.want(t, "", test.stderr, 125)
			}
			for _, call := range f.calls {
				if verb, _, _ := strings.Cut(call, " "); verb == "create" || verb == "clone" && test.fail == nil {
					t.Errorf("asked for: %s", call)
				}
			}
		})
	}
}

// FuzzFirstDifference holds whether there is a difference against the files' lines.
func FuzzFirstDifference(f *testing.F) {
	for _, s := range [][2]string{{"", ""}, {"a = 1\n", "a = 2\n"}, {"[x]\na = 1\n", "[y]\na = 1\n"}, {"[[d]]\na = 1\nb = 2\n", "b = 2\n"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		one, other := keyLines([]byte(a)), keyLines([]byte(b))
		same := len(one) == len(other)
		for i := 0; same && i < len(one); i++ {
			same = one[i] == other[i]
		}
		if got := firstDifference(one, other); (got == "") != same {
			t.Errorf("%q and %q: %q", a, b, got)
		}
	})
}
