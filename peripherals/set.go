package peripherals

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/balloon"
	"github.com/hullvm/hull/devices/virtio/blk"
	"github.com/hullvm/hull/devices/virtio/console"
	"github.com/hullvm/hull/devices/virtio/net"
	"github.com/hullvm/hull/devices/virtio/rng"
	"github.com/hullvm/hull/devices/virtio/vsock"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/peripherals/handover"
)

// Options are what New needs beside the description and the files.
type Options struct {
	// Console takes what the guest writes to a virtio console whose output is the
	// terminal; nil throws it away.
	Console io.Writer

	// VsockHost makes the guest's connections to the host where no broker is among
	// the files; nil refuses them.
	VsockHost vsock.Host

	// Late leaves the images of disks closed until OpenDisks: another machine writes to
	// them still.
	Late bool

	Log *slog.Logger // nil to log nothing
}

// Device is one virtio device of the machine.
type Device struct {
	Name   string // for messages: disk "root"
	Device virtio.Device
}

// Label is a device's kind (disk, net, share, vsock, console, rng or balloon) and
// its name in the description, where it has one.
type Label struct{ Kind, Name string }

func (l Label) String() string {
	if l.Name == "" {
		return l.Kind
	}
	return fmt.Sprintf("%s %q", l.Kind, l.Name)
}

// Set is the devices of one machine and what stands behind them.
type Set struct {
	// Devices has them all, in the order of the machine's PCI bus.
	Devices []Device

	// Labels say what each of Devices is.
	Labels []Label

	// The same, each by its own type: disks, networks by their names in the
	// description; nil for what the machine has not.
	Disks   map[string]*blk.Device
	Images  map[string]disk.Image // what the disks are
	Nets    map[string]*net.Device
	Vsock   *vsock.Device
	Console *console.Console
	RNG     *rng.Device
	Balloon *balloon.Device

	options Options
	files   *handover.Files
	late    map[string]*disk.Late
	drains  []func(time.Duration) error
	closers []closer // in the order of making
}

// closer ends something that stands behind a device.
type closer struct {
	name  string
	close func() error
}

// New makes the devices of m, which passed Validate, of files, which are the
// Set's from here on. On an error nothing is left open.
func New(m *configs.Machine, files *handover.Files, o Options) (_ *Set, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Set{
		options: o, files: files, late: make(map[string]*disk.Late),
		Disks: make(map[string]*blk.Device), Images: make(map[string]disk.Image), Nets: make(map[string]*net.Device),
	}
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
		if err := s.addNet(m.Name, &m.Nets[i]); err != nil {
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
	if err := files.Left(); err != nil {
		return nil, err
	}
	return s, nil
}

// need takes the one file of a use that a device cannot be without.
func (s *Set) need(use handover.Use, name string) (*os.File, error) {
	f := s.files.TakeOne(use, name)
	if f == nil {
		return nil, fmt.Errorf("no descriptor for %s was handed over", use)
	}
	return f, nil
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
	return errors.Join(append(errs, s.files.Close())...)
}

// add puts a device at the end of the bus.
func (s *Set) add(l Label, d virtio.Device) {
	s.Labels = append(s.Labels, l)
	s.Devices = append(s.Devices, Device{Name: l.String(), Device: d})
}

// onClose has Close end something.
func (s *Set) onClose(name string, f func() error) {
	s.closers = append(s.closers, closer{name, f})
}
