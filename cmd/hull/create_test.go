package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/instance"
)

const smallMachine = "[boot]\nkernel = \"debian-cloud\"\n[init]\nexec = [\"/bin/sh\"]\n"

// machineFile is a file of a machine called web.
func machineFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "web.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCreateAndBootDetachedPassAllOn(t *testing.T) {
	for _, command := range [][]string{{"create"}, {"boot", "-d"}} {
		t.Run(command[0], func(t *testing.T) {
			f := &fakeEngine{}
			args := append(command, machineFile(t, smallMachine),
				"--name", "shop", "-l", "team=blue", "--label", "plain", "--restart", "on-failure:3", "--cpus", "1.5",
				"--memory-limit", "1GiB", "--stop-timeout", "90", "--no-jail", "--slow-kvm", "--kvm", "dev/kvm", "--set", "cpu.count=2")
			hull(t, f, args...).want(t, someID("c")+"\n", "", 0)
			want := []string{"create shop"}
			if command[0] == "boot" {
				want = append(want, "start made_up")
			}
			wantCalls(t, f, want...)
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			c := f.created
			m := c.Machine
			got := []any{c.Name, c.Labels, c.Unconfined, c.SlowKVM, c.KVM, c.AutoRemove, m.CPU.Count, m.Limits, m.Lifecycle.Restart, m.Lifecycle.StopTimeout.Duration()}
			wanted := []any{
				"shop",
				map[string]string{"team": "blue", "plain": ""},
				true, true, filepath.Join(here, "dev/kvm"), false,
				2,
				configs.Limits{CPUs: 150, Memory: 1 << 30},
				configs.RestartPolicy("on-failure:3"), 90 * time.Second,
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("created with (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreateWithoutOptions(t *testing.T) {
	f := &fakeEngine{}
	hull(t, f, "create", "--rm", machineFile(t, smallMachine)).want(t, someID("c")+"\n", "", 0)
	if c := f.created; !c.AutoRemove || c.KVM != "" || c.Name != "" || c.Labels != nil || c.Unconfined || c.SlowKVM || c.Machine.Lifecycle.Restart != "no" {
		t.Errorf("created with %+v", c)
	}
}

func TestBootDetachedLeavesNothingThatDidNotStart(t *testing.T) {
	id := someID("c")
	noKVM := &instance.Error{Kind: instance.KindUnsupported, Err: errors.New(`instance "made_up": start: open "/dev/kvm": no such file; see hull doctor`)}
	f := &fakeEngine{fail: map[string]error{"start": noKVM}}
	hull(t, f, "boot", "-d", machineFile(t, smallMachine)).want(t, "", "hull: "+noKVM.Error()+"\n", 125)
	wantCalls(t, f, "create ", "start made_up", "remove "+id+" force=true")

	f = &fakeEngine{fail: map[string]error{"start": noKVM, "remove": errors.New("instance \"made_up\": remove: disk full")}}
	hull(t, f, "boot", "-d", machineFile(t, smallMachine)).want(t, "", "hull: "+noKVM.Error()+"\nit is still there, as \"made_up\": instance \"made_up\": remove: disk full\n", 125)
}

func TestCreateRefuses(t *testing.T) {
	path := machineFile(t, smallMachine)
	for name, test := range map[string]struct {
		args   []string
		fail   map[string]error
		stderr string // a part of it
	}{
		"name that is taken":    {[]string{"--name", "shop"}, map[string]error{"create": &instance.Error{Kind: instance.KindNameTaken, Err: errors.New(`name "shop": another instance has it`)}}, `hull: name "shop": another instance has it`},
		"restart policy":        {[]string{"--restart", "sometimes"}, nil, `lifecycle.restart`},
		"processors":            {[]string{"--cpus", "many"}, nil, `limits.cpus`},
		"memory":                {[]string{"--memory-limit", "1"}, nil, `say which unit, as in "1MiB"`},
		"memory of the guest's": {[]string{"--memory-limit", "256MiB"}, nil, `must be more than memory.size, 512MiB`},
		"endless stop":          {[]string{"--stop-timeout", "-1"}, nil, `lifecycle.stop_timeout`},
		"label":                 {[]string{"--label", "=x"}, nil, `"=x" is no label; write it as key=value`},
		"set":                   {[]string{"--set", "cpu.cuont=2"}, nil, `did you mean`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range [][]string{{"create", path}, {"boot", "-d", path}} {
				f := &fakeEngine{fail: test.fail}
				got := hull(t, f, append(command, test.args...)...)
				if got.status != exitFailure || got.stdout != "" || !strings.Contains(got.stderr, test.stderr) {
					t.Errorf("%s: status %d, %q, %q", command[0], got.status, got.stdout, got.stderr)
				}
			}
		})
	}
}

func TestBootRefusesOptionsOfTheOtherSort(t *testing.T) {
	path := machineFile(t, smallMachine)
	for _, args := range [][]string{{"--name", "x"}, {"--label", "k=v"}, {"--rm"}, {"--no-jail"}, {"--restart", "no"}, {"--cpus", "1"}, {"--memory-limit", "1GiB"}} {
		f := &fakeEngine{}
		hull(t, f, append([]string{"boot", path}, args...)...).want(t, "", "hull: "+args[0]+": it is for machines in the background; add -d, or leave it out\n", 125)
	}
	f := &fakeEngine{}
	hull(t, f, "boot", path, "--write-initrd", "x").want(t, "", "hull: --write-initrd: it is for --dry-run; add that, or leave it out\n", 125)
	for _, flag := range []string{"--dry-run", "--write-initrd=x", "--timeline", "--verbose"} {
		f := &fakeEngine{}
		hull(t, f, "boot", "-d", path, flag).want(t, "", "hull: "+strings.TrimSuffix(flag, "=x")+": a machine in the background has no use for it; leave it out, or boot without -d\n", 125)
		wantCalls(t, f)
	}
}

func TestBootSaysWhatDoesNothingInTheForeground(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"[limits]\ncpus = \"1\"\n":            "[limits]",
		"[log]\nmax_files = 7\n":              "[log]",
		"[lifecycle]\nrestart = \"always\"\n": "lifecycle.restart",
		"[log]\nmax_files = 7\n[limits]\ncpus=\"2\"\n": "[limits], [log]",
		"[lifecycle]\nstop_timeout = \"10s\"\n":        "",
	} {
		machine, err := configs.Load(machineFile(t, smallMachine+text))
		if err != nil {
			t.Fatal(err)
		}
		a, _, stderr := hullApp(nil, nil, nil)
		warnOfIdleKeys(a, machine)
		if want != "" {
			want = "hull: machine \"web\": without -d, nothing comes of " + want + "\n"
		}
		if got := stderr.String(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
