package jail

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/vhost"
	"github.com/hullvm/hull/kvm"
)

// Request is an ioctl that is allowed, and what for.
type Request struct {
	Name   string
	Number uint32
	Why    string
	Rare   string // as that of a jail.Call
}

// Requests are the ioctls that are allowed. The first is made most: the filter looks
// in this order.
func Requests() []Request {
	list := []Request{
		{Name: "KVM_RUN", Why: "a vCPU enters the guest"},
		{Name: "KVM_IRQ_LINE", Why: "a line that stays raised: SCI, INTA to INTD", Rare: "MSI-X needs none"},
		{Name: "FIONREAD", Number: unix.TIOCINQ, Why: "how much a vsock connection has to read", Rare: "with vsock"},
		{Name: "KVM_GET_API_VERSION", Why: "KVM is greeted"},
		{Name: "KVM_GET_VCPU_MMAP_SIZE", Why: "KVM is greeted"},
		{Name: "KVM_CHECK_EXTENSION", Why: "what KVM can do"},
		{Name: "KVM_GET_SUPPORTED_CPUID", Why: "what a guest's CPUID may say"},
		{Name: "KVM_CREATE_VM", Why: "the machine"},
		{Name: "KVM_SET_IDENTITY_MAP_ADDR", Why: "a page for KVM on Intel hosts"},
		{Name: "KVM_SET_TSS_ADDR", Why: "pages for KVM on Intel hosts"},
		{Name: "KVM_CREATE_IRQCHIP", Why: "interrupt controllers"},
		{Name: "KVM_CREATE_PIT2", Why: "the timer"},
		{Name: "KVM_SET_USER_MEMORY_REGION", Why: "guest memory"},
		{Name: "KVM_CREATE_VCPU", Why: "vCPUs"},
		{Name: "KVM_SET_CPUID2", Why: "a vCPU's CPUID"},
		{Name: "KVM_SET_MSRS", Why: "a vCPU's registers at power-on"},
		{Name: "KVM_GET_SREGS", Why: "the first vCPU's registers at the start"},
		{Name: "KVM_SET_SREGS", Why: "the first vCPU's registers at the start"},
		{Name: "KVM_SET_REGS", Why: "the first vCPU's registers at the start"},
		{Name: "KVM_GET_REGS", Why: "where a vCPU stands", Rare: "for a dump, or a vCPU that cannot go on"},
		{Name: "KVM_IRQFD", Why: "interrupts without a call"},
		{Name: "KVM_SET_GSI_ROUTING", Why: "where an MSI-X vector leads", Rare: "with PCI devices that a driver uses"},
		{Name: "KVM_IOEVENTFD", Why: "notifications without an exit", Rare: "with PCI devices"},
		{Name: "KVM_ENABLE_CAP", Why: "exceptions that are pending keep what they come with; pages are logged in steps"},
		{Name: "KVM_GET_DIRTY_LOG", Why: "which pages the guest has written", Rare: logOnly},
		{Name: "KVM_CLEAR_DIRTY_LOG", Why: "which pages the guest writes from here on", Rare: logOnly},
		{Name: "KVM_GET_MSR_INDEX_LIST", Why: "which registers a vCPU's state has", Rare: saveOnly},
		{Name: "KVM_GET_MSRS", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_SREGS2", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_DEBUGREGS", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_XSAVE", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_XSAVE2", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_XCRS", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_LAPIC", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_MP_STATE", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_VCPU_EVENTS", Why: "a vCPU's state", Rare: saveOnly},
		{Name: "KVM_GET_TSC_KHZ", Why: "how fast a vCPU's time-stamp counter counts", Rare: saveOnly},
		{Name: "KVM_GET_CLOCK", Why: "kvm-clock's time", Rare: saveOnly},
		{Name: "KVM_GET_IRQCHIP", Why: "the state of KVM's interrupt controllers", Rare: saveOnly},
		{Name: "KVM_GET_PIT2", Why: "the state of KVM's timer", Rare: saveOnly},
		{Name: "KVM_SET_SREGS2", Why: "a vCPU goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_DEBUGREGS", Why: "a vCPU goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_XSAVE", Why: "a vCPU goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_XCRS", Why: "a vCPU goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_LAPIC", Why: "a vCPU goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_MP_STATE", Why: "a vCPU goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_VCPU_EVENTS", Why: "a vCPU goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_TSC_KHZ", Why: "a vCPU's time-stamp counter counts as it did", Rare: restoreOnly},
		{Name: "KVM_HAS_DEVICE_ATTR", Why: "whether time-stamp counters have an offset", Rare: restoreOnly},
		{Name: "KVM_GET_DEVICE_ATTR", Why: "the offset of a time-stamp counter", Rare: restoreOnly},
		{Name: "KVM_SET_DEVICE_ATTR", Why: "the offset of a time-stamp counter", Rare: restoreOnly},
		{Name: "KVM_SET_CLOCK", Why: "kvm-clock goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_SET_IRQCHIP", Why: "KVM's interrupt controllers go on where they stood", Rare: restoreOnly},
		{Name: "KVM_SET_PIT2", Why: "KVM's timer goes on where it stood", Rare: restoreOnly},
		{Name: "KVM_KVMCLOCK_CTRL", Why: "the guest hears that it was paused", Rare: "after a pause"},
		{Name: "BLKGETSIZE64", Number: unix.BLKGETSIZE64, Why: "how large a block device is", Rare: "with block devices"},
		{Name: "TUNGETIFF", Number: unix.TUNGETIFF, Why: "a tap that was handed over is one", Rare: "with taps"},
		{Name: "TUNSETVNETHDRSZ", Number: unix.TUNSETVNETHDRSZ, Why: "the header before a tap's frames", Rare: "with taps"},
		{Name: "TUNSETSNDBUF", Number: unix.TUNSETSNDBUF, Why: "how much a tap takes at once", Rare: "with taps"},
		{Name: "TUNSETOFFLOAD", Number: unix.TUNSETOFFLOAD, Why: "what a tap leaves to the guest", Rare: "with taps"},
		{Name: "TUNSETQUEUE", Number: unix.TUNSETQUEUE, Why: "a tap's queues are used or not", Rare: "with taps of several queues"},
		{Name: "VHOST_GET_FEATURES", Why: "what vhost-net can do", Rare: vhostOnly},
		{Name: "VHOST_SET_OWNER", Why: "vhost-net is this process's", Rare: vhostOnly},
		{Name: "VHOST_SET_FEATURES", Why: "what the guest's driver agreed to", Rare: vhostOnly},
		{Name: "VHOST_SET_MEM_TABLE", Why: "guest memory for vhost-net", Rare: vhostOnly},
		{Name: "VHOST_SET_VRING_NUM", Why: "a ring for vhost-net", Rare: vhostOnly},
		{Name: "VHOST_SET_VRING_BASE", Why: "a ring for vhost-net", Rare: vhostOnly},
		{Name: "VHOST_GET_VRING_BASE", Why: "where vhost-net has left a ring", Rare: vhostOnly},
		{Name: "VHOST_SET_VRING_ADDR", Why: "a ring for vhost-net", Rare: vhostOnly},
		{Name: "VHOST_SET_VRING_KICK", Why: "a ring's notifications", Rare: vhostOnly},
		{Name: "VHOST_SET_VRING_CALL", Why: "a ring's interrupts", Rare: vhostOnly},
		{Name: "VHOST_SET_VRING_ERR", Why: "a ring that is broken", Rare: vhostOnly},
		{Name: "VHOST_NET_SET_BACKEND", Why: "a ring is joined to a tap", Rare: vhostOnly},
	}
	known := kvm.Numbers()
	for name, number := range vhost.Numbers() {
		known[name] = number
	}
	for i, r := range list {
		if r.Number == 0 {
			list[i].Number = known[r.Name]
		}
	}
	return list
}

// Who makes calls that not every machine makes.
const (
	vhostOnly   = "with vhost-net"
	saveOnly    = "where a machine is saved, or moves"
	logOnly     = "where a machine is saved while it runs, or moves"
	restoreOnly = "where a machine is restored, or comes from another host"
)
