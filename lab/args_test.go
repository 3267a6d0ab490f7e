package lab

import (
	"slices"
	"strings"
	"testing"
)

func argument(t *testing.T, args []string, name string) string {
	t.Helper()
	i := slices.Index(args, name)
	if i < 0 || i+1 == len(args) {
		t.Fatalf("no %s in %q", name, args)
	}
	return args[i+1]
}

func TestArgumentsSayWhatTheSpecSays(t *testing.T) {
	s := testSpec()
	s.CPUs, s.Memory, s.Threads, s.Cmdline = 3, 1234, ThreadsSingle, "loglevel=7"
	args := arguments(&s)
	for name, want := range map[string]string{
		"-smp":    "3",
		"-m":      "1234",
		"-kernel": "/k/vmlinux",
		"-initrd": "/k/initrd.cpio",
		"-name":   "hull-lab-lab",
	} {
		if got := argument(t, args, name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	if got := argument(t, args, "-accel"); !strings.HasPrefix(got, "tcg,thread=single,") {
		t.Errorf("-accel %q, want tcg with a single thread", got)
	}
	if got := argument(t, args, "-append"); !strings.HasSuffix(got, " loglevel=7") || !strings.Contains(got, "console=ttyS0") {
		t.Errorf("-append %q", got)
	}
	if got := argument(t, args, "-fsdev"); !strings.Contains(got, "readonly=on") || !strings.Contains(got, "path=/,") {
		t.Errorf("-fsdev %q, want the whole tree, read-only", got)
	}
}

func TestArgumentsOfAHostWithANetwork(t *testing.T) {
	s := testSpec()
	if all := strings.Join(arguments(&s), " "); strings.Contains(all, "-netdev") || strings.Contains(all, "hull.lab=") {
		t.Errorf("a host of its own has a network: %s", all)
	}
	s.Network, s.Number = "x", 7
	args := arguments(&s)
	if got := argument(t, args, "-netdev"); got != "dgram,id=lab,local.type=fd,local.str=4" {
		t.Errorf("-netdev %q", got)
	}
	if got := argument(t, args, "-append"); !strings.Contains(got, " hull.lab=lab,52:54:0a:d5:00:07,10.213.0.7/24") {
		t.Errorf("-append %q", got)
	}
	if all := strings.Join(args, " "); !strings.Contains(all, "mac=52:54:0a:d5:00:07") {
		t.Errorf("no hardware address in %s", all)
	}
}

// The base list is shared: a host's own words must not get into it.
func TestCmdlineOfOneHostIsNotThatOfAnother(t *testing.T) {
	a, b := testSpec(), testSpec()
	a.Cmdline, b.Cmdline = "first", "second"
	_ = kernelCmdline(&a)
	if got := kernelCmdline(&b); strings.Contains(got, "first") {
		t.Errorf("command line %q", got)
	}
}

func TestArgumentsUseShortSocketNames(t *testing.T) {
	s := testSpec()
	for _, a := range arguments(&s) {
		if strings.Contains(a, "path="+qmpSocket) {
			return
		}
	}
	t.Error("the monitor's socket is not relative to the host's directory")
}
