package main

import (
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
)

// createOptions are what boot and create take: changes to a machine file, and what
// an instance has beside it.
type createOptions struct {
	sets    []configs.Set
	slowKVM bool
	kvm     string

	name        string
	labels      labelFlag
	autoRemove  bool
	unconfined  bool
	stopTimeout timeoutFlag

	// Values of the machine file that have an option as Docker's.
	restart, cpus, memoryLimit string
}

const defaultKVM = "/dev/kvm"

func (o *createOptions) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(newSetFlag(&o.sets), "set", "change a value of the file, as `path=value`; may be repeated")
	f.BoolVar(&o.slowKVM, "slow-kvm", false, "run even on a KVM that emulates kernel code instruction by instruction")
	f.StringVar(&o.kvm, "kvm", defaultKVM, "the KVM device")
	f.StringVar(&o.name, "name", "", "the instance's name (default: one that is made up)")
	f.VarP(&o.labels, "label", "l", "give the instance a label, as `key=value`; may be repeated")
	f.BoolVar(&o.autoRemove, "rm", false, "remove the instance when it has ended")
	f.BoolVar(&o.unconfined, "no-jail", false, "run the monitor without its jail, for debugging")
	f.Var(&o.stopTimeout, "stop-timeout", "how long the guest may take to end before it is killed, in `seconds` or with a unit (lifecycle.stop_timeout)")
	f.StringVar(&o.restart, "restart", "", "when to start the instance again that ended: no, on-failure, on-failure:N, always or unless-stopped (lifecycle.restart)")
	f.StringVar(&o.cpus, "cpus", "", "how many of the host's processors it may keep busy, as 1.5 (limits.cpus)")
	f.StringVar(&o.memoryLimit, "memory-limit", "", "how much of the host's memory it may hold, as 1GiB (limits.memory)")
	completeFlag(cmd, "restart", restartWords...)
}

// restartWords are the restart policies, for a shell.
var restartWords = []cobra.Completion{
	string(configs.RestartNo), string(configs.RestartOnFailure), string(configs.RestartAlways), string(configs.RestartUnlessStopped),
}

// load reads the machine file with what the options change in it.
func (o *createOptions) load(path string) (*configs.Machine, error) {
	sets, err := o.changes()
	if err != nil {
		return nil, err
	}
	return configs.LoadWith(path, sets)
}

// changes are the options as values of the machine file, so that they are judged,
// and refused, as the file's own.
func (o *createOptions) changes() ([]configs.Set, error) {
	sets := o.sets
	for _, v := range []struct{ key, value string }{
		{"lifecycle.restart", o.restart},
		{"limits.cpus", o.cpus},
		{"limits.memory", o.memoryLimit},
		{"lifecycle.stop_timeout", o.stopTimeout.String()},
	} {
		if v.value == "" {
			continue
		}
		s, err := configs.ParseSet(v.key + "=" + v.value)
		if err != nil {
			return nil, err
		}
		sets = append(sets[:len(sets):len(sets)], s)
	}
	return sets, nil
}

// engineOptions are the options as an engine takes them.
func (o *createOptions) engineOptions(machine *configs.Machine) (manager.CreateOptions, error) {
	kvm, err := kvmDevice(o.kvm)
	if err != nil {
		return manager.CreateOptions{}, err
	}
	return manager.CreateOptions{
		Machine: machine, Name: o.name, Labels: o.labels.labels,
		Unconfined: o.unconfined, SlowKVM: o.slowKVM, KVM: kvm, AutoRemove: o.autoRemove,
	}, nil
}

// kvmDevice is --kvm as an engine takes it: the monitor runs in another folder.
func kvmDevice(flag string) (string, error) {
	if flag == defaultKVM {
		return "", nil
	}
	return filepath.Abs(flag)
}

func completeMachineFile(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt
}

// removeTime bounds how long an instance may take to go that could not be started.
const removeTime = time.Minute
