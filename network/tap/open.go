package tap

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// device is where the kernel offers taps.
const device = "/dev/net/tun"

// MaxQueues is the most queues that a tap has (MAX_TAP_QUEUES).
const MaxQueues = 256

// vnetHeaderSize is the size of virtio_net_hdr_v1, in bytes.
const vnetHeaderSize = 12

// Options say how a tap is opened.
type Options struct {
	// Queues is how many descriptors there are; 0 for one. Several make the tap
	// one that has several queues: a tap is that or not from its creation on.
	Queues int

	// VNetHdr puts a virtio_net_hdr_v1 of 12 bytes before each frame, which
	// offloads need.
	VNetHdr bool

	// Persistent leaves the tap there when its last descriptor is closed.
	Persistent bool

	// Exclusive refuses a tap that is there already.
	Exclusive bool
}

// Tap is an open tap.
type Tap struct {
	Name  string
	Files []*os.File // one for each queue
}

// Open makes a tap, or opens one that is there and that nobody has open. In name
// %d stands for the first number that is free; an empty one is tap%d. It needs
// CAP_NET_ADMIN, or a tap that was made for this user.
func Open(name string, o Options) (*Tap, error) {
	t, err := open(name, o)
	if err != nil {
		return nil, fmt.Errorf("tap %q: %w", name, err)
	}
	return t, nil
}

func open(name string, o Options) (*Tap, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if o.Queues < 0 || o.Queues > MaxQueues {
		return nil, fmt.Errorf("%d queues: want 1 to %d, or 0 for one", o.Queues, MaxQueues)
	}
	t := &Tap{Name: name}
	for i := range max(o.Queues, 1) {
		if err := t.addQueue(i, o); err != nil {
			_ = t.Close()
			return nil, err
		}
	}
	return t, nil
}

// checkName holds a name against what the kernel takes.
func checkName(name string) error {
	switch {
	case len(name) >= unix.IFNAMSIZ:
		return fmt.Errorf("name of %d bytes: at most %d", len(name), unix.IFNAMSIZ-1)
	case name == "." || name == "..", strings.ContainsAny(name, "/: \t\r\n\v\f\x00"):
		return errors.New("a name has no spaces, slashes or colons, and dots alone are none")
	case strings.Count(name, "%") > strings.Count(name, "%d") || strings.Count(name, "%d") > 1:
		return errors.New("a name has at most one %d and no other percent sign")
	}
	return nil
}

func (t *Tap) addQueue(i int, o Options) error {
	// It blocks: whoever reads it makes it known to its own poller.
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return openError(err)
	}
	f := os.NewFile(uintptr(fd), device)
	name, err := setup(fd, t.Name, i, o)
	if err != nil {
		_ = f.Close()
		return err
	}
	t.Name, t.Files = name, append(t.Files, f)
	return nil
}

// setup makes an open device the queue i of a tap, and returns the tap's name.
func setup(fd int, name string, i int, o Options) (string, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return "", err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if o.VNetHdr {
		flags |= unix.IFF_VNET_HDR
	}
	if o.Queues > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	if o.Exclusive && i == 0 {
		flags |= unix.IFF_TUN_EXCL
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return "", attachError(name, o, err)
	}
	if o.VNetHdr {
		if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetHeaderSize); err != nil {
			return "", fmt.Errorf("TUNSETVNETHDRSZ: %w", err)
		}
	}
	if o.Persistent && i == 0 {
		if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
			return "", fmt.Errorf("TUNSETPERSIST: %w", err)
		}
	}
	return ifr.Name(), nil
}

// FromFD is a queue of a tap that was opened by another process, whose
// descriptor is taken over; where there is an error it is left as it is.
func FromFD(fd int) (*Tap, error) {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr); err != nil {
		return nil, fmt.Errorf("tap: descriptor %d: not a tap: TUNGETIFF: %w", fd, err)
	}
	if ifr.Uint16()&unix.IFF_TAP == 0 {
		return nil, fmt.Errorf("tap: descriptor %d: %q is a tun, without Ethernet", fd, ifr.Name())
	}
	return &Tap{Name: ifr.Name(), Files: []*os.File{os.NewFile(uintptr(fd), device)}}, nil
}

// Close closes the descriptors. A tap that is not persistent is gone with the
// last of them.
func (t *Tap) Close() (err error) {
	for _, f := range t.Files {
		err = errors.Join(err, f.Close())
	}
	t.Files = nil
	return err
}
