package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Threads is how the emulator spreads the host's processors over its threads.
type Threads string

const (
	// ThreadsMulti gives each processor of the host a thread.
	ThreadsMulti Threads = "multi"
	// ThreadsSingle runs all of them in turn in one thread.
	ThreadsSingle Threads = "single"
)

// Defaults and limits of a host.
const (
	DefaultName     = "lab"
	DefaultThreads  = ThreadsSingle    // docs/lab.md has the rates
	DefaultMemory   = 8192             // MiB; guests of 6 GiB fit
	DefaultIdle     = 15 * time.Minute // after the last command
	DefaultBootTime = 3 * time.Minute  // a start that takes longer has failed

	maxNameLen   = 32
	maxCPUs      = 64
	minMemory    = 512     // MiB: the kernel, its initrd and an agent
	maxMemory    = 1 << 20 // MiB
	tbSizeMiB    = 1024    // of translated code; the default is a fraction of RAM
	maxCmdline   = 2047    // bytes, what x86 kernels keep
	specFileSize = 64 << 10
)

// Spec says what a host is made of. The zero value of a field means its
// default.
type Spec struct {
	// Name is the host's, and its directory's: lower-case letters, digits and
	// dashes, a letter or digit first, at most 32.
	Name string `json:"name"`

	// CPUs is the number of processors.
	CPUs int `json:"cpus"`

	// Memory is in MiB. It is taken from the machine as the host touches it.
	Memory int `json:"memory_mib"`

	// Threads is single unless said otherwise.
	Threads Threads `json:"threads"`

	// Idle ends the host when no command has run for so long; negative means
	// never.
	Idle time.Duration `json:"idle_ns"`

	// BootTime is how long the host may take until its agent answers.
	BootTime time.Duration `json:"boot_time_ns"`

	// Kernel is an ELF vmlinux with a PVH entry, or a bzImage; Initrd has the
	// agent as PID 1. Both are paths.
	Kernel string `json:"kernel"`
	Initrd string `json:"initrd"`

	// Release is the kernel's, for people to read.
	Release string `json:"release,omitempty"`

	// Cmdline is appended to the kernel's command line.
	Cmdline string `json:"cmdline,omitempty"`

	// Emulator is the path of qemu-system-x86_64, as installed.
	Emulator string `json:"emulator"`

	// Unmended runs the emulator as it is installed, even where its known bugs
	// could be mended.
	Unmended bool `json:"unmended,omitempty"`

	// Network joins the host to those of this lab with the same Network: a name as
	// a host's, or empty for no network.
	Network string `json:"network,omitempty"`

	// Number is the host's on its network, from 1; the lab gives it out.
	Number int `json:"number,omitempty"`

	// Throwaway marks a host that lives for one command.
	Throwaway bool `json:"throwaway,omitempty"`
}

// withDefaults fills in what is zero.
func (s Spec) withDefaults() Spec {
	if s.Name == "" {
		s.Name = DefaultName
	}
	if s.CPUs == 0 {
		s.CPUs = min(2, runtime.NumCPU())
	}
	if s.Memory == 0 {
		s.Memory = DefaultMemory
	}
	if s.Threads == "" {
		s.Threads = DefaultThreads
	}
	if s.Idle == 0 {
		s.Idle = DefaultIdle
	}
	if s.BootTime == 0 {
		s.BootTime = DefaultBootTime
	}
	return s
}

// Validate reports everything that is wrong with s, joined.
func (s *Spec) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("lab host %q: %s: %s", s.Name, field, fmt.Sprintf(format, args...)))
	}
	if !validName(s.Name) {
		bad("name", "want at most %d lower-case letters, digits and dashes, a letter or digit first", maxNameLen)
	}
	if s.CPUs < 1 || s.CPUs > maxCPUs {
		bad("cpus", "%d is not between 1 and %d", s.CPUs, maxCPUs)
	}
	if s.Memory < minMemory || s.Memory > maxMemory {
		bad("memory", "%d MiB is not between %d and %d", s.Memory, minMemory, maxMemory)
	}
	if s.Threads != ThreadsMulti && s.Threads != ThreadsSingle {
		bad("threads", "%q is neither %q nor %q", s.Threads, ThreadsMulti, ThreadsSingle)
	}
	if s.Network != "" && !validName(s.Network) {
		bad("network", "%q: want at most %d lower-case letters, digits and dashes, a letter or digit first", s.Network, maxNameLen)
	}
	if s.Number != 0 && s.Network == "" || s.Number < 0 || s.Number > maxNumber {
		bad("number", "%d on the network %q", s.Number, s.Network)
	}
	if s.BootTime < 0 {
		bad("boot time", "%v is negative", s.BootTime)
	}
	for _, f := range []struct{ field, path string }{
		{"kernel", s.Kernel}, {"initrd", s.Initrd}, {"emulator", s.Emulator},
	} {
		if !filepath.IsAbs(f.path) || strings.ContainsAny(f.path, "\x00\n") {
			bad(f.field, "%q is not an absolute path", f.path)
		}
	}
	if len(kernelCmdline(s)) > maxCmdline || strings.ContainsAny(s.Cmdline, "\x00\n") {
		bad("cmdline", "does not fit in %d bytes on one line", maxCmdline)
	}
	return errors.Join(errs...)
}

// validName says whether name can be a host's, and so a directory's.
func validName(name string) bool {
	if name == "" || len(name) > maxNameLen || name[0] == '-' {
		return false
	}
	return strings.IndexFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}) < 0
}
