package monitor_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
)

// failed is the status of a process that had no machine.
const failed = 125

// A machine that cannot be built is one line of the process's, the same for who
// started it, and a status.
func TestAMachineThatCannotBeBuilt(t *testing.T) {
	for name, test := range map[string]struct {
		kvm    string
		change func(*spawn.Config)
		want   string
	}{
		"no KVM": {os.DevNull, nil, `KVM "/dev/null": KVM_GET_API_VERSION`},
		"no kernel": {os.DevNull, func(c *spawn.Config) {
			c.Machine.Boot.Kernel = "" // as no file is, which passed Validate
		}, "boot.kernel"},
		"a bad description": {os.DevNull, func(c *spawn.Config) { c.Machine.Memory.Size = configs.Size(4097) }, "memory.size"},
	} {
		for _, jailed := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				m := launch(t, nil, "", test.kvm, func(c *spawn.Config) {
					c.Jail = jailed
					if test.change != nil {
						test.change(c)
					}
				})
				var exit *exec.ExitError
				if err := m.process.Wait(); !errors.As(err, &exit) || exit.ExitCode() != failed {
					t.Errorf("the process ended by %v", err)
				}
				if _, err := m.process.Exit(); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("it says %v, want %q", err, test.want)
				}
				if said := m.messages(); strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "hull-vmm: ") || !strings.Contains(said, test.want) {
					t.Errorf("it said %q, want one line with %q", said, test.want)
				}
				if _, err := control.Dial(timed(t), m.control); err == nil {
					t.Error("the control socket answers")
				}
			})
		}
	}
}

// Started by hand it says what it lacks.
func TestAProcessThatNobodyStartedRight(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"more"}, {"-namespaces=all"}, {"-unjailed"}, {}} {
		out, err := exec.Command(program, args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != failed || !strings.Contains(string(out), "hull-vmm: ") {
			t.Errorf("%q: %v, %q", args, err, out)
		}
	}
}
