package peripherals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/balloon"
	"github.com/hullvm/hull/devices/virtio/blk"
	"github.com/hullvm/hull/devices/virtio/console"
	"github.com/hullvm/hull/devices/virtio/net"
	"github.com/hullvm/hull/devices/virtio/vsock"
)

// Options are what Open needs beside the description.
type Options struct {
	// Programs is the folder that has hull-fsd and hull-netd.
	Programs string

	// Console takes what the guest writes to a virtio console whose output is the
	// terminal; nil throws it away.
	Console io.Writer

	// Messages takes the words of the processes that serve shares and user-mode
	// networks; nil throws them away.
	Messages io.Writer

	Log *slog.Logger // nil to log nothing
}

// Device is one virtio device of the machine.
type Device struct {
	Name   string // for messages: disk "root"
	Device virtio.Device
}

// Set is the devices of one machine and what stands behind them.
type Set struct {
	// Devices has them all, in the order of the machine's PCI bus.
	Devices []Device

	// The same, each by its own type: disks, networks by their names in the
	// description; nil for what the machine has not.
	Disks   map[string]*blk.Device
	Nets    map[string]*net.Device
	Vsock   *vsock.Device
	Console *console.Console
	Balloon *balloon.Device

	// Published says, in one line each, which ports of the host lead to which of
	// the guest.
	Published []string

	options Options
	drains  []func(time.Duration) error
	closers []closer // in the order of opening
}

// closer ends something that stands behind a device.
type closer struct {
	name  string
	close func() error
}

// Open opens and makes the devices of m, which passed Validate. On an error
// nothing is left open.
func Open(ctx context.Context, m *configs.Machine, o Options) (_ *Set, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Set{options: o, Disks: make(map[string]*blk.Device), Nets: make(map[string]*net.Device)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for i := range m.Disks {
		if err := s.addDisk(&m.Disks[i]); err != nil {
			return nil, err
		}
	}
	for i := range m.Nets {
		if err := s.addNet(ctx, m.Name, &m.Nets[i]); err != nil {
			return nil, err
		}
	}
	for i := range m.Shares {
		if err := s.addShare(&m.Shares[i]); err != nil {
			return nil, err
		}
	}
	for _, add := range []func(*configs.Machine) error{s.addVsock, s.addConsole, s.addRNG, s.addBalloon} {
		if err := add(m); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Drain waits until what the guest has handed over is with its receiver, for
// as long as deadline says. The devices must not be active any more.
func (s *Set) Drain(deadline time.Duration) error {
	var errs []error
	end := time.Now().Add(deadline)
	for _, drain := range s.drains {
		errs = append(errs, drain(time.Until(end)))
	}
	return errors.Join(errs...)
}

// Close closes what stands behind the devices, the last first. The machine must
// be closed before.
func (s *Set) Close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		if err := c.close(); err != nil {
			errs = append(errs, fmt.Errorf("%s: close: %w", c.name, err))
		}
	}
	s.closers = nil
	return errors.Join(errs...)
}

// add puts a device at the end of the bus.
func (s *Set) add(name string, d virtio.Device) {
	s.Devices = append(s.Devices, Device{Name: name, Device: d})
}

// onClose has Close end something.
func (s *Set) onClose(name string, f func() error) {
	s.closers = append(s.closers, closer{name, f})
}
