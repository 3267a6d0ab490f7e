package tap

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// openError adds what to do to the failures of opening the device.
func openError(err error) error {
	err = fmt.Errorf("open %q: %w", device, err)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("%w: load the module tun", err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: it is for root, or for a group that this user is not in", err)
	}
	return err
}

// attachError explains why the kernel did not make or open the tap.
func attachError(name string, o Options, err error) error {
	err = fmt.Errorf("TUNSETIFF: %w", err)
	there, _ := netlink.LinkByName(name) // nil where there is none
	switch {
	case errors.Is(err, unix.EPERM) && there != nil:
		return fmt.Errorf("%w: it was not made for this user", err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: to make one needs CAP_NET_ADMIN; root can make it for you: ip tuntap add %s mode tap user $USER%s", err, name, multiQueueWord(o))
	case errors.Is(err, unix.EBUSY) && o.Exclusive && there != nil:
		return fmt.Errorf("%w: it is there already", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: it is in use", err)
	case errors.Is(err, unix.E2BIG):
		return fmt.Errorf("%w: it has no queue left", err)
	case errors.Is(err, unix.EINVAL) && there != nil:
		return fmt.Errorf("%w: %s", err, unlike(there, o))
	}
	return err
}

// unlike says what keeps an interface that is there from being the tap that is
// wanted.
func unlike(there netlink.Link, o Options) string {
	t, ok := there.(*netlink.Tuntap)
	switch {
	case !ok:
		return fmt.Sprintf("it is an interface of another kind, %s", there.Type())
	case t.Mode != netlink.TUNTAP_MODE_TAP:
		return "it is a tun, without Ethernet"
	case o.Queues > 1 && t.Flags&netlink.TUNTAP_MULTI_QUEUE == 0:
		return "it was made for one queue: make it with multi_queue"
	case o.Queues <= 1 && t.Flags&netlink.TUNTAP_MULTI_QUEUE != 0:
		return "it was made for several queues: open it with several"
	}
	return "the kernel does not say why"
}

func multiQueueWord(o Options) string {
	if o.Queues > 1 {
		return " multi_queue"
	}
	return ""
}
