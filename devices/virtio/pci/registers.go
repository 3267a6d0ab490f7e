package pci

import (
	"github.com/hullvm/hull/devices"
)

// Identity of virtio functions, section 4.1.2.
const (
	vendorID     = 0x1af4
	deviceIDBase = 0x1040 // and the device's type
	revision     = 1
)

// The BAR, our own choice: each structure on pages of its own, in this order. A
// guest may so map one of them without the others.
const (
	barIndex     = 0
	page         = 0x1000
	commonOffset = 0 * page
	isrOffset    = 1 * page
	configOffset = 2 * page
	notifyOffset = 3 * page
	tableOffset  = 4 * page // MSI-X table; the PBA is on the page after it

	notifyMultiplier = 4                       // bytes a queue's doorbell has
	maxQueues        = page / notifyMultiplier // whose doorbells have room on the page
)

// struct virtio_pci_cap, section 4.1.4, by offsets in a capability's body, which
// begins with cap_len.
const (
	capLen        = 0  // 8 bits: of the whole capability
	capType       = 1  // 8 bits: cfg_type
	capBAR        = 2  // 8 bits
	capOffset     = 6  // 32 bits, in the BAR
	capLength     = 10 // 32 bits
	capBody       = 14
	capMultiplier = 14 // 32 bits: notify_off_multiplier, of the notify structure's
	capWindow     = 14 // 32 bits: pci_cfg_data, of the window's
	capBodyLong   = 18 // of these two
)

// cfg_type, section 4.1.4.
const (
	typeCommon = 1 // VIRTIO_PCI_CAP_COMMON_CFG
	typeNotify = 2 // VIRTIO_PCI_CAP_NOTIFY_CFG
	typeISR    = 3 // VIRTIO_PCI_CAP_ISR_CFG
	typeDevice = 4 // VIRTIO_PCI_CAP_DEVICE_CFG
	typeWindow = 5 // VIRTIO_PCI_CAP_PCI_CFG
)

// struct virtio_pci_common_cfg, section 4.1.4.3.
const (
	regDeviceFeatureSelect = 0x00
	regDeviceFeature       = 0x04
	regDriverFeatureSelect = 0x08
	regDriverFeature       = 0x0c
	regConfigMSIXVector    = 0x10
	regNumQueues           = 0x12
	regDeviceStatus        = 0x14
	regConfigGeneration    = 0x15
	regQueueSelect         = 0x16
	regQueueSize           = 0x18
	regQueueMSIXVector     = 0x1a
	regQueueEnable         = 0x1c
	regQueueNotifyOff      = 0x1e
	regQueueDesc           = 0x20
	regQueueDriver         = 0x28
	regQueueDevice         = 0x30
	regQueueNotifyData     = 0x38
	regQueueReset          = 0x3a

	commonSize = 0x3c
)

// common has queue_notify_data and queue_reset as R: the features that they
// belong to are not offered.
var common = devices.MustRegisterMap(
	devices.Register{Name: "device_feature_select", Offset: regDeviceFeatureSelect, Width: 4, Access: devices.ReadWrite},
	devices.Register{Name: "device_feature", Offset: regDeviceFeature, Width: 4, Access: devices.ReadOnly},
	devices.Register{Name: "driver_feature_select", Offset: regDriverFeatureSelect, Width: 4, Access: devices.ReadWrite},
	devices.Register{Name: "driver_feature", Offset: regDriverFeature, Width: 4, Access: devices.ReadWrite},
	devices.Register{Name: "config_msix_vector", Offset: regConfigMSIXVector, Width: 2, Access: devices.ReadWrite},
	devices.Register{Name: "num_queues", Offset: regNumQueues, Width: 2, Access: devices.ReadOnly},
	devices.Register{Name: "device_status", Offset: regDeviceStatus, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "config_generation", Offset: regConfigGeneration, Width: 1, Access: devices.ReadOnly},
	devices.Register{Name: "queue_select", Offset: regQueueSelect, Width: 2, Access: devices.ReadWrite},
	devices.Register{Name: "queue_size", Offset: regQueueSize, Width: 2, Access: devices.ReadWrite},
	devices.Register{Name: "queue_msix_vector", Offset: regQueueMSIXVector, Width: 2, Access: devices.ReadWrite},
	devices.Register{Name: "queue_enable", Offset: regQueueEnable, Width: 2, Access: devices.ReadWrite},
	devices.Register{Name: "queue_notify_off", Offset: regQueueNotifyOff, Width: 2, Access: devices.ReadOnly},
	devices.Register{Name: "queue_desc", Offset: regQueueDesc, Width: 8, Access: devices.ReadWrite},
	devices.Register{Name: "queue_driver", Offset: regQueueDriver, Width: 8, Access: devices.ReadWrite},
	devices.Register{Name: "queue_device", Offset: regQueueDevice, Width: 8, Access: devices.ReadWrite},
	devices.Register{Name: "queue_notify_data", Offset: regQueueNotifyData, Width: 2, Access: devices.ReadOnly},
	devices.Register{Name: "queue_reset", Offset: regQueueReset, Width: 2, Access: devices.ReadOnly},
)

// isr is the ISR status, section 4.1.4.5: reading clears it.
var isr = devices.MustRegisterMap(
	devices.Register{Name: "isr_status", Offset: 0, Width: 1, Access: devices.ReadOnly},
)

// Bits of the ISR status.
const (
	isrQueue  = 1 << 0
	isrConfig = 1 << 1
)

// noVector is VIRTIO_MSI_NO_VECTOR, section 4.1.5.1.2.
const noVector = 0xffff
