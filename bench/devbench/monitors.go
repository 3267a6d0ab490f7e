package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cmdline is every machine's; what is to be measured follows.
const cmdline = "console=ttyS0 quiet loglevel=1 nokaslr panic=-1 " +
	"i8042.noaux i8042.nokbd i8042.nopnp i8042.dumbkbd cryptomgr.notests random.trust_cpu=on"

// machine is what a monitor boots.
type machine struct {
	dir            string // for files of its own
	kernel, initrd string
	cmdline        string
	image, scratch string
	vsock          string // a path that Hull makes its sockets at
	cid            int
	vcpus, memory  int
	hull, qemu     string
}

// monitor is one way to boot a machine.
type monitor struct {
	name    string
	base    bool // the one that others are compared with
	command func(m machine) ([]string, error)
	// hybrid says that the host's end of the guest's vsock is unix sockets.
	hybrid bool
}

var peers = []monitor{
	{name: "hull", base: true, command: hullCommand, hybrid: true},
	{name: "qemu q35", command: qemuCommand("q35", "pci")},
	{name: "qemu microvm", command: qemuCommand("microvm,acpi=on,rtc=on", "device")},
}

func hullCommand(m machine) ([]string, error) {
	file := filepath.Join(m.dir, "bench.toml")
	o := options{vcpus: m.vcpus, memory: m.memory}
	text := devicesTOML(m.dir, m.vsock, o, false) + fmt.Sprintf(
		"[boot]\nkernel = %q\nprotocol = \"elf\"\ninitrd = %q\ncmdline_default = false\ncmdline = %q\n",
		m.kernel, m.initrd, m.cmdline,
	)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return []string{m.hull, "boot", file}, nil
}

// devicesTOML is Hull's description of the devices, with the disks' images in
// dir. agent has Hull's agent set them up.
func devicesTOML(dir, vsock string, o options, agent bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name = \"bench\"\n[cpu]\ncount = %d\n[memory]\nsize = \"%dMiB\"\n", o.vcpus, o.memory)
	fmt.Fprintf(&b, "[[disk]]\nname = \"root\"\npath = %q\nformat = \"raw\"\nread_only = true\nqueues = %d\n", filepath.Join(dir, imageFile), o.vcpus)
	if agent {
		fmt.Fprintf(&b, "mount = \"/\"\n")
	}
	fmt.Fprintf(&b, "[[disk]]\nname = \"scratch\"\npath = %q\nformat = \"raw\"\nqueues = %d\n", filepath.Join(dir, scratchFile), o.vcpus)
	for _, n := range networks {
		vhost, address := "off", "none"
		if n.vhost {
			vhost = "on"
		}
		if agent {
			address = n.guest + "/24"
		}
		fmt.Fprintf(&b, "[[net]]\nname = %q\ntype = \"tap\"\ntap = %q\nmac = %q\nvhost = %q\naddress = %q\n", n.tap, n.tap, n.mac, vhost, address)
	}
	fmt.Fprintf(&b, "[vsock]\npath = %q\n", vsock)
	return b.String()
}

// qemuCommand is for a machine whose virtio devices are of a type: pci or device
// (MMIO). All that is not said is QEMU's default.
func qemuCommand(machineType, suffix string) func(machine) ([]string, error) {
	return func(m machine) ([]string, error) {
		args := []string{
			m.qemu, "-name", "bench,debug-threads=on", "-M", machineType, "-accel", "kvm", "-cpu", "host",
			"-smp", strconv.Itoa(m.vcpus), "-m", strconv.Itoa(m.memory),
			"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
			"-kernel", m.kernel, "-initrd", m.initrd, "-append", m.cmdline,
			"-drive", "if=none,id=root,format=raw,cache=writeback,read-only=on,file=" + m.image,
			"-device", "virtio-blk-" + suffix + ",drive=root,serial=root",
			"-drive", "if=none,id=scratch,format=raw,cache=writeback,file=" + m.scratch,
			"-device", "virtio-blk-" + suffix + ",drive=scratch,serial=scratch",
			"-device", "vhost-vsock-" + suffix + ",guest-cid=" + strconv.Itoa(m.cid),
		}
		for _, n := range networks {
			vhost, rom := "off", ""
			if n.vhost {
				vhost = "on"
			}
			if suffix == "pci" {
				rom = ",romfile="
			}
			args = append(args,
				"-netdev", fmt.Sprintf("tap,id=%s,ifname=%s,script=no,downscript=no,vhost=%s", n.tap, n.tap, vhost),
				"-device", fmt.Sprintf("virtio-net-%s,netdev=%s,mac=%s%s", suffix, n.tap, n.mac, rom),
			)
		}
		return args, nil
	}
}
