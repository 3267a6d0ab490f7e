package lab

import (
	"fmt"
	"strings"
)

// Names by which the emulator's command line and the agent's configuration
// know the same thing.
const (
	// AgentPort is the virtio-serial port of the agent.
	AgentPort = "hull.agent"

	// RootTag is the 9p share of the machine's file tree.
	RootTag = "hull.root"

	// RootOptions are the mount options of that share. With cache=mmap only
	// pages of mapped files are kept, and no longer than their file is in use
	// or its name is cached, so that forgetting the names (see refresh) shows a
	// program that was built anew. cache=none reads mapped files page by page
	// (a big program starts in twice the time), cache=loose keeps everything.
	RootOptions = "trans=virtio,version=9p2000.L,msize=512000,cache=mmap"
)

// Files in a host's directory.
const (
	specFile    = "spec.json"
	recordFile  = "host.json"
	lockFile    = "lock"
	execSocket  = "exec.sock"
	netSocket   = "net.sock"
	qmpSocket   = "qmp.sock"
	consoleLog  = "console.log"
	emulatorLog = "emulator.log"
	keeperLog   = "keeper.log"
)

// labCPU is all that the emulator knows, SVM among it, less two things. Five-level
// paging only makes every walk longer. And XSAVE: the emulator does not let KVM
// intercept XSETBV, so that KVM never learns what a guest has enabled: it tells
// the guest a wrong size of the state (the guest's kernel warns of an "XSAVE
// consistency problem") and may switch the wrong registers. What depends on it
// goes with it.
const labCPU = "max,la57=off,xsave=off,avx=off,avx2=off,fma=off,f16c=off,pku=off,vaes=off,vpclmulqdq=off"

// Descriptors that the emulator inherits.
const (
	agentFD   = 3 // its end of the agent's pipe
	segmentFD = 4 // its end of what carries Ethernet frames, in a host with a network
)

// baseCmdline makes a kernel start fast and steadily under emulation: no probe
// of hardware that is not there, no self-test, no mitigation of a processor
// that does not exist, and the time stamp counter believed.
var baseCmdline = []string{
	"console=ttyS0", "quiet", "panic=-1", "nokaslr",
	"mitigations=off", "audit=0", "cryptomgr.notests", "init_on_alloc=0",
	"random.trust_cpu=on", "swiotlb=noforce",
	"tsc=reliable", "no_timer_check",
	"i8042.noaux", "i8042.nokbd", "i8042.nopnp", "i8042.dumbkbd",
}

func kernelCmdline(s *Spec) string {
	words := baseCmdline
	if s.Network != "" {
		words = append(words[:len(words):len(words)], s.member().Word())
	}
	if s.Cmdline != "" {
		words = append(words[:len(words):len(words)], s.Cmdline)
	}
	return strings.Join(words, " ")
}

// arguments are the emulator's. It runs in the host's directory, which keeps
// the names of sockets short.
func arguments(s *Spec) []string {
	args := []string{
		"-name", "hull-lab-" + s.Name,
		"-nodefaults", "-no-user-config", "-no-reboot",
		"-display", "none",
		"-machine", "q35",
		"-accel", fmt.Sprintf("tcg,thread=%s,tb-size=%d", s.Threads, tbSizeMiB),
		"-cpu", labCPU,
		"-smp", fmt.Sprint(s.CPUs),
		"-m", fmt.Sprint(s.Memory),
		"-kernel", s.Kernel,
		"-initrd", s.Initrd,
		"-append", kernelCmdline(s),
		"-chardev", "file,id=console,path=" + consoleLog,
		"-serial", "chardev:console",
		"-chardev", fmt.Sprintf("socket,id=agent,fd=%d", agentFD),
		"-device", "virtio-serial-pci",
		"-device", "virtserialport,chardev=agent,name=" + AgentPort,
		"-chardev", "socket,id=qmp,path=" + qmpSocket + ",server=on,wait=off",
		"-mon", "chardev=qmp,mode=control",
		"-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
		"-device", "virtio-9p-pci,fsdev=root,mount_tag=" + RootTag,
	}
	if s.Network != "" {
		args = append(args,
			"-netdev", fmt.Sprintf("dgram,id=lab,local.type=fd,local.str=%d", segmentFD),
			"-device", "virtio-net-pci,netdev=lab,romfile=,mac="+macOf(s.Number),
		)
	}
	return args
}
