package virtio

import (
	"github.com/hullvm/hull/mem"
)

// ID is a device's type (section 5).
type ID uint16

// The devices there are.
const (
	IDNet     ID = 1
	IDBlock   ID = 2
	IDConsole ID = 3
	IDEntropy ID = 4
	IDBalloon ID = 5
	IDVsock   ID = 19
	IDMem     ID = 24
	IDFS      ID = 26
	IDPmem    ID = 27
)

// Features of every device (section 6). A device offers its own, numbered 0 to
// 23 and 50 on; the transport adds these.
const (
	FeatureIndirectDesc     = 1 << 28 // VIRTIO_F_INDIRECT_DESC
	FeatureEventIdx         = 1 << 29 // VIRTIO_F_EVENT_IDX
	FeatureVersion1         = 1 << 32 // VIRTIO_F_VERSION_1
	FeatureRingPacked       = 1 << 34 // VIRTIO_F_RING_PACKED
	FeatureInOrder          = 1 << 35 // VIRTIO_F_IN_ORDER
	FeatureNotificationData = 1 << 38 // VIRTIO_F_NOTIFICATION_DATA
	FeatureRingReset        = 1 << 40 // VIRTIO_F_RING_RESET
)

// Device is a virtio device without its transport.
//
// The transport calls Features, QueueSizes and the configuration at any time
// and from any goroutine. Activate, Deactivate, Pause and Resume are called one
// at a time, with no lock of the transport's held that Activation's functions
// need: the device may call those from within.
//
// A Device that is a [vmstate.Keeper] as well can be saved. Save is called, like
// those, while the device is paused or not active. It writes what the driver can
// know or have changed, and what has to match where that is loaded; features,
// queues and the status are the transport's to keep. Load is called on a device as
// it was made, before Activate. Where the device was active, Activate with
// Activation.Held follows, and Resume later.
type Device interface {
	ID() ID

	// Features are what the device offers beside those of every device. They
	// never change.
	Features() uint64

	// QueueSizes are the most entries that each queue may have, powers of 2 up
	// to virtq.MaxSize. They never change.
	QueueSizes() []uint16

	// ReadConfig fills p from the device's configuration space at off. Bytes
	// past its end read as 0. off and len(p) are the guest's.
	ReadConfig(off uint64, p []byte)

	// WriteConfig takes a write to the configuration space. What is not
	// writable drops it.
	WriteConfig(off uint64, p []byte)

	// Activate starts the device: the driver has set DRIVER_OK, perhaps long ago
	// and elsewhere (Activation.Held). An error is the host's, and leaves the
	// device in need of a reset.
	Activate(*Activation) error

	// Deactivate ends what Activate began. When it returns, nothing of the
	// device touches guest memory or a queue, and what is known only to this
	// activation is forgotten. It is called once for each Activate that gave no
	// error, and also when the machine ends.
	Deactivate()

	// Pause holds the device: when it returns, requests that were taken are
	// done, and the device touches neither guest memory nor queues until
	// Resume. Both do nothing on a device that is not active.
	Pause()
	Resume()
}

// Selective is a Device that not all features of every device are for: whoever
// else serves its queues may lack some.
type Selective interface {
	Device

	// Without are features that its transport does not offer. They never change.
	Without() uint64
}

// Activation is what a device is given to work with, until it is deactivated.
type Activation struct {
	Memory   *mem.Guest
	Features uint64 // negotiated, those of every device among them

	// Queues has an entry for each of QueueSizes, nil for a queue that the
	// driver has not enabled.
	Queues []*Queue

	// Held activates the device as if Pause had been called at once: when
	// Activate returns the device touches neither guest memory nor queues, and
	// it does not until Resume. Workers of the queues honour it by themselves
	// (see Queue.Hold); what else a device runs, and what it believes about
	// being paused, is its own to begin that way.
	Held bool

	// ConfigChanged tells the driver that the configuration space changed. It
	// may be called from any goroutine, until Deactivate returns.
	ConfigChanged func()

	// Broken says that the driver broke the device's rules in a way that it can
	// not go on from: the driver is told that the device needs a reset. The
	// device stops using its queues. It may be called from any goroutine.
	Broken func(error)
}

// Has reports whether all features of the mask were negotiated.
func (a *Activation) Has(mask uint64) bool { return a.Features&mask == mask }
