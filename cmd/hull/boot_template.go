package main

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"syscall"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/terminal"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/names"
)

// runBootTemplate makes an instance of the template, which is a snapshot of the same
// machine. Where there is none yet, the instance is booted, and the template made of
// it.
func runBootTemplate(ctx context.Context, a *app, o *bootOptions, path string) error {
	if err := names.Valid(o.template); err != nil {
		return &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("--template: %w", err)}
	}
	machine, err := o.load(path)
	if err != nil {
		return err
	}
	options, err := o.engineOptions(machine)
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	attach := &attachOptions{sigProxy: true, detachKeys: terminal.DefaultDetachKeys}
	keys, err := attach.keys()
	if err != nil {
		return err
	}
	began := a.now()
	d, err := startFromTemplate(ctx, a, engine, o.template, options)
	if err != nil {
		return err
	}
	if o.detach {
		_, err = fmt.Fprintln(a.Stdout, d.ID)
		return err
	}
	return joinMade(ctx, a, engine, attach, keys, d, began)
}

// startFromTemplate has an instance run. An interrupt ends that in order: nothing is
// left of the instance then.
func startFromTemplate(ctx context.Context, a *app, engine manager.Engine, template string, o manager.CreateOptions) (*instance.Description, error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	there, err := engine.InspectSnapshot(ctx, template)
	switch {
	case instance.KindOf(err) == instance.KindNotFound:
		return bootForTemplate(ctx, a, engine, template, o)
	case err != nil:
		return nil, err
	}
	if err := fitsTemplate(there, o.Machine); err != nil {
		return nil, err
	}
	made, err := engine.Clone(ctx, template, manager.CloneOptions{Count: 1, RestoreOptions: manager.RestoreOptions{
		Name: o.Name, Labels: o.Labels, AutoRemove: o.AutoRemove, Unconfined: o.Unconfined, SlowKVM: o.SlowKVM, KVM: o.KVM,
	}})
	if err != nil {
		return nil, madeOf(err)
	}
	return made[0], nil
}

// bootForTemplate boots an instance, and makes the template of it. Where that cannot
// be made the instance goes on without: it is what was asked for.
func bootForTemplate(ctx context.Context, a *app, engine manager.Engine, template string, o manager.CreateOptions) (*instance.Description, error) {
	d, err := engine.Create(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := engine.Start(ctx, d.ID); err != nil {
		return nil, removeFailed(ctx, engine, d, err)
	}
	err = makeTemplate(ctx, a, engine, template, d)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, removeFailed(ctx, engine, d, err)
	case slices.Contains([]instance.Kind{instance.KindNameTaken, instance.KindBusy}, instance.KindOf(err)): // somebody was quicker
	default:
		fmt.Fprintf(a.Stderr, "hull: template %q was not made: %v\n", template, err)
	}
	return d, nil
}

// makeTemplate waits until the guest is up, which its agent says, and makes a
// snapshot of it.
func makeTemplate(ctx context.Context, a *app, engine manager.Engine, template string, d *instance.Description) error {
	if _, err := engine.Stat(ctx, d.ID, "/"); err != nil {
		return err
	}
	bar := a.progress("template " + template)
	defer bar.clear()
	_, err := engine.CreateSnapshot(ctx, d.ID, manager.SnapshotOptions{Name: template, Progress: bar.update()})
	return err
}

// fitsTemplate refuses a template that is of another machine, or cannot be used.
func fitsTemplate(there *manager.SnapshotDetail, machine *configs.Machine) error {
	remedy := fmt.Sprintf("remove it with hull snapshot rm %s, or give another name", there.Name)
	if there.Problem != "" {
		return &instance.Error{Kind: instance.KindCorrupt, Err: fmt.Errorf("template %q cannot be used: %s; %s", there.Name, there.Problem, remedy)}
	}
	difference, err := machineDifference(there, machine)
	if err != nil {
		return &instance.Error{Kind: instance.KindCorrupt, Err: fmt.Errorf("template %q: %w; %s", there.Name, err, remedy)}
	}
	if difference != "" {
		return &instance.Error{Kind: instance.KindWrongState, Err: fmt.Errorf("template %q was made of another machine: %s; %s", there.Name, difference, remedy)}
	}
	return nil
}
