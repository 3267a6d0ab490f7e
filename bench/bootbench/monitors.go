package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cmdline is every monitor's. lpj is there for gokvm, whose guests hang now and
// then while they calibrate the delay loop; the others' do not calibrate it.
const cmdline = "console=ttyS0 quiet loglevel=1 nokaslr panic=-1 lpj=4000000 " +
	"i8042.noaux i8042.nokbd i8042.nopnp i8042.dumbkbd cryptomgr.notests random.trust_cpu=on"

// monitor is one way to boot a machine.
type monitor struct {
	name string
	// command is the command line for a row, or nil and why there is none.
	// Files it needs go into dir.
	command func(o options, r row, dir string) (args []string, why string, err error)
	env     []string // in addition
}

func (o options) image(r row) string {
	if r.image == "vmlinux" {
		return o.vmlinux
	}
	return o.bzImage
}

func peers(o options) []monitor {
	all := []monitor{
		{name: "hull", command: hullCommand},
		{name: "qemu microvm", command: qemuCommand("microvm,acpi=on,rtc=on")},
		{name: "qemu q35", command: qemuCommand("q35")},
		// It repeats no system call that a signal interrupts, and Go's runtime
		// sends itself signals: on a slow host its KVM_CREATE_VM then fails.
		{name: "gokvm", command: gokvmCommand, env: []string{"GODEBUG=asyncpreemptoff=1"}},
	}
	return slices.DeleteFunc(all, func(m monitor) bool { return !strings.Contains(m.name, o.mon) })
}

func hullCommand(o options, r row, dir string) ([]string, string, error) {
	protocol := "bzimage"
	if r.image == "vmlinux" {
		protocol = "elf"
	}
	kernel, err := filepath.Abs(o.image(r))
	if err != nil {
		return nil, "", err
	}
	initrd, err := filepath.Abs(o.initrd)
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(dir, "bench.toml")
	text := fmt.Sprintf("[cpu]\ncount = %d\n[memory]\nsize = \"%dMiB\"\n[boot]\nkernel = %q\nprotocol = %q\ninitrd = %q\ncmdline_default = false\ncmdline = %q\n",
		r.vcpus, r.memory, kernel, protocol, initrd, cmdline)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	return []string{o.hull, "boot", file}, "", nil
}

func qemuCommand(machine string) func(options, row, string) ([]string, string, error) {
	return func(o options, r row, _ string) ([]string, string, error) {
		return []string{
			o.qemu, "-M", machine, "-accel", "kvm", "-cpu", "host",
			"-smp", strconv.Itoa(r.vcpus), "-m", strconv.Itoa(r.memory),
			"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
			"-kernel", o.image(r), "-initrd", o.initrd, "-append", cmdline,
		}, "", nil
	}
}

// gokvm puts the initrd at 240 MiB and all RAM in one slot.
func gokvmCommand(o options, r row, _ string) ([]string, string, error) {
	switch {
	case r.memory < 300:
		return nil, "its initrd needs more than 240 MiB", nil
	case r.memory > 3072:
		return nil, "it has no hole below 4 GiB", nil
	}
	return []string{
		o.gokvm, "boot", "-k", o.image(r), "-i", o.initrd,
		"-c", strconv.Itoa(r.vcpus), "-m", strconv.Itoa(r.memory) + "M", "-p", cmdline,
	}, "", nil
}
