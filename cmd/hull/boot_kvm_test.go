package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/guesttest"
)

// facts is what the guest says of itself, by hull-facts' names.
type facts map[string]string

func parseFacts(text string) facts {
	f := make(facts)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			f[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return f
}

// checkFacts holds what the guest says against the machine it was given.
func checkFacts(t *testing.T, text string, vcpus int, memory uint64) {
	t.Helper()
	f := parseFacts(text)
	if got := f["vcpus"]; got != strconv.Itoa(vcpus) {
		t.Errorf("the guest has %q vCPUs, want %d", got, vcpus)
	}
	kib, err := strconv.ParseUint(strings.TrimSuffix(f["memory"], " KiB"), 10, 64)
	if err != nil {
		t.Errorf("the guest has %q of memory", f["memory"])
	}
	// The kernel keeps some of it, the more the less there is.
	if got := kib << 10; got > memory || got < memory*3/4-32<<20 {
		t.Errorf("the guest counts %d MiB of memory, was given %d MiB", got>>20, memory>>20)
	}
	if got := f["clocksource"]; got != "kvm-clock" && got != "tsc" {
		t.Errorf("the guest's clock source is %q", got)
	}
	if f["kernel"] == "" || f["uptime"] == "" {
		t.Errorf("the guest does not say its kernel and up time:\n%s", text)
	}
	if t.Failed() {
		t.Logf("the guest said:\n%s", text)
	}
}

func TestEveryShippedConfigBoots(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no configs: %v", err)
	}
	guesttest.RequireKVM(t)
	here := makeImages(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			m, err := configs.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			requireKernels(t, m.Boot.Kernel)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// Paths in it are relative to its folder.
			file = filepath.Join(here, filepath.Base(file))
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			h := start(t, nil, "boot", file,
				"--set", `init.exec=["hull-facts"]`, "--set", `lifecycle.on_reset="end"`)
			if status := h.status(); status != 0 {
				t.Fatalf("status %d\n%s\n%s", status, h.out(), h.err())
			}
			checkFacts(t, h.out(), m.CPU.Count, uint64(m.Memory.Size))
		})
	}
}

// makeImages makes what the shipped files say has to be made beside them, in a
// folder for all.
func makeImages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, line := range []string{
		"truncate -s 64M disk.img && mkfs.ext4 -q disk.img",
		"qemu-img create -q -f qcow2 disk.qcow2 8G",
		"mkdir shared",
	} {
		c := exec.Command("sh", "-c", line)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			guesttest.Missing(t, fmt.Sprintf("%s: %v\n%s", line, err, out))
		}
	}
	return dir
}

// kernels are the stock kernels that must boot: the bundles that
// scripts/kernels.sh pulls.
var kernels = []string{"debian-cloud", "debian", "debian-next-cloud", "debian-next"}

// harmless are the kernel's warnings that are no complaint about the machine;
// docs/guest-log.md says why each is there.
var harmless = []*regexp.Regexp{}

func init() {
	f, err := os.Open("../../docs/guest-log.md")
	if err != nil {
		return // TestHarmlessListIsRead says so
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if pattern, ok := strings.CutPrefix(s.Text(), "    "); ok {
			harmless = append(harmless, regexp.MustCompile(pattern))
		}
	}
}

func TestHarmlessListIsRead(t *testing.T) {
	if len(harmless) == 0 {
		t.Error("docs/guest-log.md lists nothing")
	}
}

func complaints(log string) []string {
	var out []string
next:
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		for _, h := range harmless {
			if h.MatchString(line) {
				continue next
			}
		}
		out = append(out, line)
	}
	return out
}

const (
	logBegins = "--- log"
	logEnds   = "--- end of log"
)

// TestStockKernels boots every kernel by every protocol and reads its log for
// complaints.
func TestStockKernels(t *testing.T) {
	shapes := []struct {
		vcpus  int
		memory string
	}{{1, "256MiB"}, {2, "512MiB"}, {4, "1GiB"}}
	for i, kernel := range kernels {
		for j, protocol := range []string{"bzimage", "elf", "pvh"} {
			shape := shapes[(i+j)%len(shapes)]
			t.Run(fmt.Sprintf("%s/%s/%d vCPUs", kernel, protocol, shape.vcpus), func(t *testing.T) {
				requireKernels(t, kernel)
				bootAndReadLog(t, kernel, protocol, shape.vcpus, shape.memory)
			})
		}
	}
}

// TestShapes boots the corners of what a machine can be.
func TestShapes(t *testing.T) {
	for _, shape := range []struct {
		vcpus  int
		memory string
	}{{1, "128MiB"}, {8, "512MiB"}, {3, "3GiB"}, {2, "4GiB"}, {8, "6GiB"}} {
		t.Run(fmt.Sprintf("%d vCPUs, %s", shape.vcpus, shape.memory), func(t *testing.T) {
			requireKernels(t, "debian-cloud")
			bootAndReadLog(t, "debian-cloud", "auto", shape.vcpus, shape.memory)
		})
	}
}

func bootAndReadLog(t *testing.T, kernel, protocol string, vcpus int, memory string) {
	t.Helper()
	script := fmt.Sprintf("hull-facts; echo '%s'; dmesg --level=err,warn; echo '%s'", logBegins, logEnds)
	out, stderr, status := run(t, "boot", "../../configs/facts.toml",
		"--set", "boot.kernel="+kernel, "--set", "boot.protocol="+protocol,
		"--set", fmt.Sprintf("cpu.count=%d", vcpus), "--set", "memory.size="+memory,
		"--set", fmt.Sprintf(`init.exec=["sh", "-c", "%s"]`, script))
	if status != 0 {
		t.Fatalf("status %d\n%s\n%s", status, out, stderr)
	}
	var size configs.Size
	err := size.UnmarshalText([]byte(memory))
	if err != nil {
		t.Fatal(err)
	}
	_, said, _ := strings.Cut(out, logBegins)
	log, _, ended := strings.Cut(said, logEnds)
	if !ended {
		t.Fatalf("no log in\n%s", out)
	}
	checkFacts(t, out, vcpus, uint64(size))
	if c := complaints(log); len(c) > 0 {
		t.Errorf("the kernel complains:\n%s", strings.Join(c, "\n"))
	}
}

// TestEnds boots a stock kernel to each of a machine's ends.
func TestEnds(t *testing.T) {
	requireKernels(t, "debian-cloud")
	shell := func(script string, more ...string) []string {
		return append([]string{
			"boot", "../../configs/facts.toml", "--set", "memory.size=256MiB",
			"--set", fmt.Sprintf(`init.exec=["sh", "-c", %q]`, script),
		}, more...)
	}
	const ready = "guest is ready"
	for name, test := range map[string]struct {
		args    []string
		signal  syscall.Signal // sent when the guest is ready
		prepare func(*exec.Cmd)
		status  int
		says    string // hull's own words
	}{
		"main process ends":         {args: shell("exit 0")},
		"main process ends with 42": {args: shell("exit 42"), status: 42},
		"main process is killed":    {args: shell("kill -9 $$"), status: 128 + 9},
		"no such program":           {args: shell("", "--set", `init.exec=["/bin/nosuch"]`), status: 127},
		"power-off":                 {args: shell("poweroff -f"), says: ""},
		"reboot":                    {args: shell("reboot -f"), status: exitReset, says: "reset"},
		"kernel panic":              {args: shell("echo c > /proc/sysrq-trigger"), status: exitGuestPanic, says: "guest panic"},
		"triple fault":              {args: shell("reboot -f", "--set", "boot.cmdline=reboot=t"), status: exitTripleFault, says: "triple fault"},
		"SIGTERM":                   {args: shell("echo " + ready + "; sleep 1000"), signal: syscall.SIGTERM, status: 128 + 15, says: "power-off"},
		"SIGINT":                    {args: shell("echo " + ready + "; sleep 1000"), signal: syscall.SIGINT, status: 128 + 2, says: "power-off"},
		"SIGQUIT":                   {args: shell("echo " + ready + "; sleep 1000"), signal: syscall.SIGQUIT, status: 128 + 3, says: "kill"},
		"SIGKILL":                   {args: shell("echo " + ready + "; sleep 1000"), signal: syscall.SIGKILL, status: -1},
		"standard input is closed": {args: shell("exit 0"), prepare: func(c *exec.Cmd) {
			c.Args = append([]string{"sh", "-c", `exec "$0" "$@" <&-`, c.Path}, c.Args[1:]...)
			c.Path = "/bin/sh"
		}},
		"standard input is a pipe":    {args: shell("read line; test \"$line\" = hello"), prepare: func(c *exec.Cmd) { c.Stdin = strings.NewReader("hello\n") }},
		"standard input ends at once": {args: shell("exit 0"), prepare: func(c *exec.Cmd) { c.Stdin = strings.NewReader("") }},
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t, test.prepare, test.args...)
			if test.signal != 0 {
				m.waitFor(ready)
				m.signal(test.signal)
			}
			if got := m.status(); got != test.status {
				t.Fatalf("status %d, want %d\n%s\n%s", got, test.status, m.out(), m.err())
			}
			if !strings.Contains(m.err(), test.says) {
				t.Errorf("hull says %q, want %q in it", m.err(), test.says)
			}
			if test.says == "" && test.status >= 0 && m.err() != "" {
				t.Errorf("hull says %q, want nothing", m.err())
			}
		})
	}
}

func TestASignalComesTwice(t *testing.T) {
	requireKernels(t, "debian-cloud")
	// A main process that does not listen, and an agent that waits for it.
	m := start(t, nil, "boot", "../../configs/facts.toml", "--set", "lifecycle.stop_timeout=1h",
		"--set", `init.exec=["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]`)
	m.waitFor("ready")
	m.signal(syscall.SIGTERM)
	m.signal(syscall.SIGTERM)
	if got := m.status(); got != 128+15 {
		t.Errorf("status %d, want %d\n%s", got, 128+15, m.err())
	}
}
