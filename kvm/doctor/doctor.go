// Package doctor examines whether a host can run virtual machines, and says
// what to do where it cannot.
package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/ring0"
)

// Verdict is the outcome of one check.
type Verdict string

// The verdicts. Only Bad makes a host unable.
const (
	Good    Verdict = "ok"
	Warning Verdict = "warn"
	Bad     Verdict = "FAIL"
)

// Check is one thing that was looked at.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Remedy  string  `json:"remedy,omitempty"`
}

// Report is everything that was looked at, in order: a check that depends on
// one that is Bad is left out.
type Report struct {
	Checks []Check
}

// Able reports whether the host can run machines.
func (r Report) Able() bool {
	for _, c := range r.Checks {
		if c.Verdict == Bad {
			return false
		}
	}
	return true
}

func (r *Report) add(name string, verdict Verdict, found, remedy string) {
	r.Checks = append(r.Checks, Check{Name: name, Verdict: verdict, Found: found, Remedy: remedy})
}

// Examine looks at this host through the KVM device at path.
func Examine(path string) Report {
	var r Report
	r.processor()
	system, ok := r.device(path)
	if !ok {
		return r
	}
	defer system.Close() // nothing was written through it
	r.capabilities(system)
	r.speed(system)
	return r
}

func (r *Report) processor() {
	if runtime.GOARCH != "amd64" {
		r.add("processor", Bad, runtime.GOARCH, "Hull runs on x86-64 only.")
		return
	}
	if flag := ring0.ProcessorFlag(); flag != "" {
		r.add("processor", Good, "virtualisation: "+flag, "")
		return
	}
	r.add("processor", Warning, "neither vmx nor svm among its flags",
		"On a real machine: turn on virtualisation (VT-x, AMD-V, SVM) in the firmware's set-up. In a virtual machine: turn on nested virtualisation for it.")
}

// device opens KVM, and tells the ways it can fail apart.
func (r *Report) device(path string) (*kvm.System, bool) {
	system, err := kvm.Open(path)
	if err == nil {
		r.add("device", Good, path+" opens", "")
		return system, true
	}
	var remedy string
	switch {
	case errors.Is(err, os.ErrNotExist):
		remedy = "Load KVM: modprobe kvm_intel (Intel) or modprobe kvm_amd (AMD). In a container, pass the device in: --device /dev/kvm."
	case errors.Is(err, os.ErrPermission):
		remedy = "Join the group that owns the device, and log in again: sudo usermod -aG kvm " + userName()
	default:
		remedy = "Is " + path + " the KVM device of this host's own kernel?"
	}
	r.add("device", Bad, err.Error(), remedy)
	return nil, false
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "$USER"
}

func (r *Report) capabilities(system *kvm.System) {
	missing := system.Missing(kvm.Required())
	if len(missing) == 0 {
		r.add("capabilities", Good, fmt.Sprintf("all %d that Hull needs", len(kvm.Required())), "")
	} else {
		r.add("capabilities", Bad, fmt.Sprintf("missing: %v", missing), "A newer host kernel has them: Hull needs Linux 5.10 or later.")
	}
	n := system.MaxVCPUs()
	if n < runtime.NumCPU() {
		r.add("vcpus", Warning, fmt.Sprintf("at most %d in one machine", n), "")
		return
	}
	r.add("vcpus", Good, fmt.Sprintf("up to %d in one machine", n), "")
}

func (r *Report) speed(system *kvm.System) {
	result, err := ring0.Measure(system)
	switch {
	case err != nil:
		r.add("speed", Bad, err.Error(), "A small guest could not be run: the kernel's log may say why (dmesg | grep -i kvm).")
	case result.Able():
		r.add("speed", Good, result.String(), "")
	default:
		r.add("speed", Bad, result.String(),
			"This KVM emulates a guest's kernel instruction by instruction. Use a host with VT-x or AMD-V of its own, or a lab host: hull lab up.")
	}
}
