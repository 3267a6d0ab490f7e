package manager

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/names"
)

// Create makes an instance that does not run yet.
func (m *Manager) Create(_ context.Context, o CreateOptions) (*instance.Description, error) {
	return m.create(o, nil)
}

// origin is what an instance is made of that does not boot.
type origin interface {
	// adapt makes the saved machine that of an instance.
	adapt(d *instance.Description, machine *configs.Machine)
	// fill puts files of the instance's own into its folder.
	fill(dir string) error
}

// create is Create; from is nil for an instance that boots.
func (m *Manager) create(o CreateOptions, from origin) (*instance.Description, error) {
	if o.Name != "" {
		if err := names.Valid(o.Name); err != nil {
			return nil, &instance.Error{Kind: instance.KindInvalid, Err: err}
		}
	}
	id := names.NewID()
	d := &instance.Description{
		Version: instance.DescriptionVersion, ID: id, Name: o.Name, Created: time.Now().UTC(),
		Labels: o.Labels, Unconfined: o.Unconfined, SlowKVM: o.SlowKVM, KVM: o.KVM, AutoRemove: o.AutoRemove,
	}
	for {
		if o.Name == "" {
			d.Name = names.New(func(name string) bool {
				_, err := m.store.Named(name)
				return err == nil
			})
		}
		var fill func(string) error
		if from != nil {
			fill = from.fill
		}
		if err := m.describe(d, o.Machine, from); err != nil {
			return nil, err
		}
		err := kinded(m.store.Create(d, fill))
		if o.Name == "" && instance.KindOf(err) == instance.KindNameTaken {
			continue // somebody was quicker
		}
		if err != nil {
			return nil, err
		}
		m.emit(d, events.Create, nil)
		return d, nil
	}
}

// describe puts a machine into a description.
func (m *Manager) describe(d *instance.Description, machine *configs.Machine, from origin) error {
	here, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("current folder: %w", err)
	}
	// The caller's machine stays as it is.
	config, err := configs.Parse(machine.Name+".toml", configs.Render(machine))
	if err != nil {
		return &instance.Error{Kind: instance.KindInvalid, Err: err}
	}
	config.SetName(d.Name)
	config.Absolute(here)
	if from != nil {
		from.adapt(d, config)
	}
	if config.Vsock.Path == "" {
		// The agent is reached by it.
		config.Vsock.Path = m.dirs.vsockSocket(d.ID)
	}
	if err := m.checkSockets(d.ID); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return &instance.Error{Kind: instance.KindInvalid, Err: err}
	}
	if d.AutoRemove && config.Lifecycle.Restart.Mode() != configs.RestartNo {
		return &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf(
			"instance %q: it cannot both be removed at its end and be started again (lifecycle.restart = %q); choose one", d.Name, config.Lifecycle.Restart)}
	}
	d.Machine = string(configs.Render(config))
	d.Kernel, d.Command = config.Boot.Kernel, config.Init.Exec
	d.VCPUs, d.Memory = config.CPU.Count, uint64(config.Memory.Size)
	d.Ports = ports(config)
	d.Restart = config.Lifecycle.Restart
	d.CPUs, d.MemoryLimit = config.Limits.CPUs, uint64(config.Limits.Memory)
	d.HasBalloon, d.Balloon = config.Balloon.Enabled, uint64(config.Balloon.Size)
	d.StopTimeout = config.Lifecycle.StopTimeout.Duration()
	return nil
}

// maxSocketPath is the longest path of a unix socket, in bytes (unix(7)).
const maxSocketPath = 107

func (m *Manager) checkSockets(id string) error {
	// The longest of them: a port of the host that the guest connects to.
	if path := m.dirs.vsockSocket(id) + "_4294967295"; len(path) > maxSocketPath {
		return &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf(
			"folder for sockets %q: a socket in it would have a path of %d bytes, at most %d are possible; set HULL_RUN_DIR to a shorter one", m.dirs.Run, len(path), maxSocketPath)}
	}
	return nil
}

// ports are what a list shows of a machine's published ports.
func ports(config *configs.Machine) []string {
	var list []string
	for _, n := range config.Nets {
		for _, text := range n.Publish {
			p, err := configs.ParsePublish(text)
			if err != nil {
				continue // Validate has seen it
			}
			list = append(list, fmt.Sprintf("%s->%d/%s", p.Host, p.Guest, p.Protocol))
		}
	}
	return list
}
