package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock"
	"github.com/hullvm/hull/peripherals/handover"
)

// Options are what Open needs beside the description.
type Options struct {
	// Programs is the folder that has hull-fsd and hull-netd.
	Programs string

	// Messages takes the words of the processes that serve shares and user-mode
	// networks; nil throws them away.
	Messages io.Writer

	// Monitor says that the devices are made in a process that may open nothing:
	// what that one needs besides is opened too, the KVM device and the serial
	// console's file, and connections of the guest to this host are made by a
	// broker.
	Monitor bool

	// Unlocked leaves the files of disks unlocked: another host has the machine still.
	Unlocked bool

	// KVM is the path of the KVM device for Monitor; empty means /dev/kvm.
	KVM string

	// Placed is called with each process that was started to serve a device,
	// before a guest can reach it: to put it into a control group. Nil for nothing.
	Placed func(pid int) error
}

// Host is what was opened for one machine.
type Host struct {
	// Files is for package peripherals, or for the manifest of what is handed to
	// another process. What nobody took is closed by Close.
	Files *handover.Files

	// VsockHost makes the guest's connections to this host. It is nil where a
	// broker does, or where the machine has no vsock.
	VsockHost vsock.Host

	// Published says, in one line each, which ports of the host lead to which of
	// the guest.
	Published []string

	options Options
	disks   []diskFile // for Monitor
	closers []closer   // in the order of opening
}

// closer ends something that Files alone do not end.
type closer struct {
	name  string
	close func() error
}

// Open opens what the devices of m need, which passed Validate. On an error nothing
// is left open.
func Open(ctx context.Context, m *configs.Machine, o Options) (_ *Host, err error) {
	h := &Host{Files: new(handover.Files), options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	for i := range m.Disks {
		if err := h.openDisk(&m.Disks[i]); err != nil {
			return nil, err
		}
	}
	for i := range m.Nets {
		if err := h.openNet(ctx, m.Name, &m.Nets[i]); err != nil {
			return nil, err
		}
	}
	for i := range m.Shares {
		if err := h.openShare(&m.Shares[i]); err != nil {
			return nil, err
		}
	}
	for _, open := range []func(*configs.Machine) error{h.openVsock, h.openConsole, h.openMonitor} {
		if err := open(m); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Close closes what nobody took, ends what serves the devices, and removes the
// socket of the guest's. The devices, or the process that has them, are to be
// closed before: the processes end by themselves then, and are killed where they
// do not.
func (h *Host) Close() error {
	errs := []error{h.Files.Close(), h.closeDisks()}
	for _, c := range slices.Backward(h.closers) {
		if err := c.close(); err != nil {
			errs = append(errs, fmt.Errorf("%s: close: %w", c.name, err))
		}
	}
	h.closers = nil
	return errors.Join(errs...)
}

// onClose has Close end something.
func (h *Host) onClose(name string, f func() error) {
	h.closers = append(h.closers, closer{name, f})
}

// openMonitor opens what only a process needs that may open nothing.
func (h *Host) openMonitor(m *configs.Machine) error {
	if !h.options.Monitor {
		return nil
	}
	if m.Serial.Output == configs.SerialFile {
		f, err := openLog(m.Serial.Path)
		if err != nil {
			return fmt.Errorf("serial console: %w", err)
		}
		h.Files.Add(handover.Serial, "", f)
	}
	path := h.options.KVM
	if path == "" {
		path = "/dev/kvm"
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("KVM: %w", err)
	}
	h.Files.Add(handover.KVM, "", f)
	return nil
}

// openLog opens a file to append to. One that would have this process wait, as a
// FIFO that nobody reads, is refused.
func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("open %q: nobody reads it", path)
	}
	return f, err
}
