package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

// restoreOptions are what restore and clone take.
type restoreOptions struct {
	name   string
	labels labelFlag

	verify, paused, autoRemove, unconfined, slowKVM bool

	kvm string
}

func (o *restoreOptions) register(cmd *cobra.Command, name string) {
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", name)
	f.VarP(&o.labels, "label", "l", "give the instance a label, as `key=value`; may be repeated")
	f.BoolVar(&o.autoRemove, "rm", false, "remove the instance when it has ended")
	f.BoolVar(&o.verify, "verify", false, "read all of the snapshot before, and hold it against its checksums")
	f.BoolVar(&o.paused, "paused", false, "leave the instance paused, until hull unpause")
	f.BoolVar(&o.unconfined, "no-jail", false, "run the monitor without its jail, for debugging")
	f.BoolVar(&o.slowKVM, "slow-kvm", false, "run even on a KVM that emulates kernel code instruction by instruction")
	f.StringVar(&o.kvm, "kvm", defaultKVM, "the KVM device")
}

// engineOptions are the options as an engine takes them.
func (o *restoreOptions) engineOptions() (manager.RestoreOptions, error) {
	if err := checkNewName(o.name); err != nil {
		return manager.RestoreOptions{}, fmt.Errorf("--name: %w", err)
	}
	kvm, err := kvmDevice(o.kvm)
	return manager.RestoreOptions{
		Name: o.name, Labels: o.labels.labels, Verify: o.verify, Paused: o.paused,
		AutoRemove: o.autoRemove, Unconfined: o.unconfined, SlowKVM: o.slowKVM, KVM: kvm,
	}, err
}
