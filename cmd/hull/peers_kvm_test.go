package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
)

// peerCmdline is every monitor's. lpj is for gokvm, whose guests hang now and
// then while they calibrate the delay loop.
const peerCmdline = "console=ttyS0 quiet loglevel=3 panic=-1 nokaslr lpj=4000000"

// peerImages are the kernel and the initrd that all monitors boot. The guest
// says what it sees, and waits to be ended.
func peerImages(t *testing.T) (vmlinux, bzimage, initrd string) {
	t.Helper()
	script := fmt.Sprintf("hull-facts; echo '%s'; dmesg --level=err,warn; echo '%s'; sleep 1000", logBegins, logEnds)
	set := fmt.Sprintf(`init.exec=["sh", "-c", "%s"]`, script)
	initrd = filepath.Join(t.TempDir(), "initrd")
	plan := func(protocol string) (kernel string) {
		out, stderr, status := run(t, "boot", "../../configs/facts.toml", "--dry-run", "--write-initrd", initrd, "--set", set, "--set", "boot.protocol="+protocol)
		if status != 0 {
			t.Fatalf("dry run: status %d: %s", status, stderr)
		}
		for line := range strings.Lines(out) {
			if v, ok := strings.CutPrefix(line, "# kernel:"); ok {
				kernel = strings.TrimSpace(v)
			}
		}
		return kernel
	}
	vmlinux, bzimage = plan("elf"), plan("bzimage")
	if vmlinux == "" || bzimage == "" {
		t.Fatal("the dry run does not name the kernel")
	}
	return vmlinux, bzimage, initrd
}

// said is what a guest says of its machine.
type said struct {
	facts facts
	acpi  []string // complaints of ACPI, clocks and interrupt controllers
}

// listen waits for a guest's whole account.
func listen(m *machine, patience time.Duration) (said, bool) {
	deadline := time.After(patience)
	for !strings.Contains(m.out(), logEnds) {
		select {
		case <-m.news:
		case <-m.done:
			return said{}, false
		case <-deadline:
			return said{}, false
		}
	}
	text, rest, _ := strings.Cut(m.out(), logBegins)
	log, _, _ := strings.Cut(rest, logEnds)
	s := said{facts: parseFacts(text)}
	for line := range strings.Lines(log) {
		lower := strings.ToLower(line)
		if strings.Contains(lower, "acpi") || strings.Contains(lower, "apic") || strings.Contains(lower, "clocksource") || strings.Contains(lower, "tsc") {
			s.acpi = append(s.acpi, strings.TrimSpace(line))
		}
	}
	return s, true
}

// TestPeersSeeTheSameMachine boots one kernel with one initrd and one command
// line under Hull, QEMU and gokvm, and compares what the guest sees.
func TestPeersSeeTheSameMachine(t *testing.T) {
	requireKernels(t, "debian-cloud")
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		guesttest.Missing(t, "QEMU: install qemu-system-x86")
	}
	gokvm, err := filepath.Abs("../../bin/gokvm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(gokvm); err != nil {
		guesttest.Missing(t, "bin/gokvm: go build -o bin/gokvm github.com/bobuhiro11/gokvm")
	}
	vmlinux, bzimage, initrd := peerImages(t)
	const vcpus, memory = 2, 512

	ours := boot(t, exec.Command(program(t), "boot", writeFile(t, "peer.toml", fmt.Sprintf(
		"[cpu]\ncount = %d\n[memory]\nsize = \"%dMiB\"\n[boot]\nkernel = %q\ninitrd = %q\ncmdline_default = false\ncmdline = %q\n",
		vcpus, memory, vmlinux, initrd, peerCmdline))))
	if len(ours.acpi) > 0 {
		t.Errorf("under Hull the kernel complains:\n%s", strings.Join(ours.acpi, "\n"))
	}
	for name, machine := range map[string]string{"qemu q35": "q35", "qemu microvm": "microvm,acpi=on,rtc=on"} {
		t.Run(name, func(t *testing.T) {
			theirs := boot(t, exec.Command(qemu, "-M", machine, "-accel", "kvm", "-cpu", "host",
				"-smp", strconv.Itoa(vcpus), "-m", strconv.Itoa(memory), "-nodefaults", "-no-user-config",
				"-display", "none", "-serial", "stdio", "-kernel", bzimage, "-initrd", initrd, "-append", peerCmdline))
			compare(t, ours, theirs)
			if theirs.facts["clocksource"] != ours.facts["clocksource"] {
				t.Errorf("clock source %q there, %q here", theirs.facts["clocksource"], ours.facts["clocksource"])
			}
		})
	}
	t.Run("gokvm", func(t *testing.T) {
		cmd := exec.Command(gokvm, "boot", "-k", bzimage, "-i", initrd,
			"-c", strconv.Itoa(vcpus), "-m", strconv.Itoa(memory)+"M", "-p", peerCmdline)
		if _, err := cmd.StdinPipe(); err != nil { // it wants one that stays open
			t.Fatal(err)
		}
		m := startCommand(t, cmd)
		theirs, ok := listen(m, time.Minute)
		if !ok {
			t.Skipf("missing: a gokvm that boots: its guest has said %q, and it %q", m.out(), m.err())
		}
		// Its tables are such that the guest finds one of its vCPUs.
		compareMemory(t, ours, theirs)
		t.Logf("gokvm's guest has %s vCPUs of %d, clock source %q, and complains of %q",
			theirs.facts["vcpus"], vcpus, theirs.facts["clocksource"], theirs.acpi)
	})
}

func boot(t *testing.T, cmd *exec.Cmd) said {
	t.Helper()
	m := startCommand(t, cmd)
	s, ok := listen(m, patience)
	if !ok {
		m.hang("the guest has not given its account")
	}
	return s
}

func compare(t *testing.T, ours, theirs said) {
	t.Helper()
	for _, name := range []string{"kernel", "vcpus"} {
		if ours.facts[name] != theirs.facts[name] {
			t.Errorf("%s: %q there, %q here", name, theirs.facts[name], ours.facts[name])
		}
	}
	compareMemory(t, ours, theirs)
}

func compareMemory(t *testing.T, ours, theirs said) {
	t.Helper()
	kib := func(s said) float64 {
		v, err := strconv.ParseFloat(strings.TrimSuffix(s.facts["memory"], " KiB"), 64)
		if err != nil {
			t.Errorf("memory %q", s.facts["memory"])
		}
		return v
	}
	// Firmware takes some of the peers' memory.
	if ratio := kib(ours) / kib(theirs); ratio < 0.97 || ratio > 1.1 {
		t.Errorf("memory: %q there, %q here", theirs.facts["memory"], ours.facts["memory"])
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
