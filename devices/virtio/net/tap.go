package net

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// tapBackend is a Backend of tap queues (/dev/net/tun).
type tapBackend struct {
	ports    []Port
	pairs    int // that are attached
	offloads uint64
}

// tapOffloads pairs what drivers may have to cope with and what the tap is told
// of it (TUNSETOFFLOAD).
var tapOffloads = []struct {
	features uint64
	flags    int
}{
	{FeatureGuestCSUM, unix.TUN_F_CSUM},
	{FeatureGuestTSO4, unix.TUN_F_TSO4},
	{FeatureGuestTSO6, unix.TUN_F_TSO6},
	{FeatureGuestECN, unix.TUN_F_TSO_ECN},
	{FeatureGuestUSO4 | FeatureGuestUSO6, unix.TUN_F_USO4 | unix.TUN_F_USO6}, // the kernel takes both or none
}

// NewTap makes a backend of a tap's queues, one for each pair of the card's. The
// files are the backend's from here on, also where there is an error. A tap
// without IFF_VNET_HDR is one, and so are several queues of a tap without
// IFF_MULTI_QUEUE.
func NewTap(files []*os.File) (Backend, error) {
	if len(files) == 0 {
		return nil, errors.New("tap: no queues")
	}
	fds, err := takeOver(files)
	if err != nil {
		return nil, fmt.Errorf("tap: %w", err)
	}
	t := &tapBackend{pairs: len(fds)}
	for _, fd := range fds {
		t.ports = append(t.ports, Port{FD: fd, Header: true, Tap: true})
	}
	if err := t.prepare(); err != nil {
		_ = t.Close()
		return nil, fmt.Errorf("tap: %w", err)
	}
	return t, nil
}

func (t *tapBackend) prepare() error {
	for _, p := range t.ports {
		ifr, err := unix.NewIfreq("")
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(p.FD, unix.TUNGETIFF, ifr); err != nil {
			return fmt.Errorf("not a queue of a tap: TUNGETIFF: %w", err)
		}
		flags := ifr.Uint16()
		switch {
		case flags&unix.IFF_TAP == 0 || flags&unix.IFF_NO_PI == 0 || flags&unix.IFF_VNET_HDR == 0:
			return fmt.Errorf("%s: want it opened with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR: has flags %#x", ifr.Name(), flags)
		case len(t.ports) > 1 && flags&unix.IFF_MULTI_QUEUE == 0:
			return fmt.Errorf("%s: several queues of a tap without IFF_MULTI_QUEUE", ifr.Name())
		}
		if err := unix.IoctlSetPointerInt(p.FD, unix.TUNSETVNETHDRSZ, HeaderSize); err != nil {
			return fmt.Errorf("TUNSETVNETHDRSZ: %w", err)
		}
		// A tap whose send buffer is full tells only those who ask it again and
		// again when there is room. One without end is never full: frames that
		// nobody takes are dropped behind it.
		if err := unix.IoctlSetPointerInt(p.FD, unix.TUNSETSNDBUF, math.MaxInt32); err != nil {
			return fmt.Errorf("TUNSETSNDBUF: %w", err)
		}
	}
	return t.probe()
}

// probe finds out what this kernel's taps can do.
func (t *tapBackend) probe() error {
	for _, o := range tapOffloads {
		flags := o.flags
		if o.features != FeatureGuestCSUM {
			flags |= unix.TUN_F_CSUM // all the others need it
		}
		if o.features == FeatureGuestECN {
			flags |= unix.TUN_F_TSO4
		}
		switch err := unix.IoctlSetInt(t.ports[0].FD, unix.TUNSETOFFLOAD, flags); {
		case err == nil:
			t.offloads |= o.features
		case !errors.Is(err, unix.EINVAL):
			return fmt.Errorf("TUNSETOFFLOAD: %w", err)
		}
	}
	// Whatever comes out of a tap the kernel can also take: it cuts segments and
	// sums up itself. It always did so for UFO.
	t.offloads |= FeatureCSUM | FeatureHostTSO4 | FeatureHostTSO6 | FeatureHostECN | FeatureHostUFO
	if t.offloads&FeatureGuestUSO4 != 0 {
		t.offloads |= FeatureHostUSO
	}
	return t.SetOffloads(0)
}

func (t *tapBackend) Offloads() uint64 { return t.offloads }

func (t *tapBackend) SetOffloads(features uint64) error {
	flags := 0
	for _, o := range tapOffloads {
		if features&o.features == o.features {
			flags |= o.flags
		}
	}
	// One queue speaks for the device.
	if err := unix.IoctlSetInt(t.ports[0].FD, unix.TUNSETOFFLOAD, flags); err != nil {
		return fmt.Errorf("tap: TUNSETOFFLOAD %#x: %w", flags, err)
	}
	return nil
}

func (t *tapBackend) Ports() []Port { return t.ports }

// SetPairs detaches the queues from n on, so that the kernel sends no frame to
// them.
func (t *tapBackend) SetPairs(n int) error {
	for ; t.pairs > n; t.pairs-- {
		if err := t.setQueue(t.pairs-1, unix.IFF_DETACH_QUEUE); err != nil {
			return err
		}
	}
	for ; t.pairs < n; t.pairs++ {
		if err := t.setQueue(t.pairs, unix.IFF_ATTACH_QUEUE); err != nil {
			return err
		}
	}
	return nil
}

func (t *tapBackend) setQueue(i int, flags uint16) error {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return err
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(t.ports[i].FD, unix.TUNSETQUEUE, ifr); err != nil {
		return fmt.Errorf("tap: queue %d: TUNSETQUEUE %#x: %w", i, flags, err)
	}
	return nil
}

func (t *tapBackend) Close() (err error) {
	for _, p := range t.ports {
		err = errors.Join(err, unix.Close(p.FD))
	}
	t.ports = nil
	return err
}
