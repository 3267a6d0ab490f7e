package net

// Features (section 5.1.3). USO is of virtio 1.3.
const (
	FeatureCSUM              = 1 << 0  // VIRTIO_NET_F_CSUM
	FeatureGuestCSUM         = 1 << 1  // VIRTIO_NET_F_GUEST_CSUM
	FeatureCtrlGuestOffloads = 1 << 2  // VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
	FeatureMTU               = 1 << 3  // VIRTIO_NET_F_MTU
	FeatureMAC               = 1 << 5  // VIRTIO_NET_F_MAC
	FeatureGuestTSO4         = 1 << 7  // VIRTIO_NET_F_GUEST_TSO4
	FeatureGuestTSO6         = 1 << 8  // VIRTIO_NET_F_GUEST_TSO6
	FeatureGuestECN          = 1 << 9  // VIRTIO_NET_F_GUEST_ECN
	FeatureHostTSO4          = 1 << 11 // VIRTIO_NET_F_HOST_TSO4
	FeatureHostTSO6          = 1 << 12 // VIRTIO_NET_F_HOST_TSO6
	FeatureHostECN           = 1 << 13 // VIRTIO_NET_F_HOST_ECN
	FeatureHostUFO           = 1 << 14 // VIRTIO_NET_F_HOST_UFO
	FeatureMrgRXBuf          = 1 << 15 // VIRTIO_NET_F_MRG_RXBUF
	FeatureStatus            = 1 << 16 // VIRTIO_NET_F_STATUS
	FeatureCtrlVQ            = 1 << 17 // VIRTIO_NET_F_CTRL_VQ
	FeatureCtrlRX            = 1 << 18 // VIRTIO_NET_F_CTRL_RX
	FeatureGuestAnnounce     = 1 << 21 // VIRTIO_NET_F_GUEST_ANNOUNCE
	FeatureMQ                = 1 << 22 // VIRTIO_NET_F_MQ
	FeatureCtrlMACAddr       = 1 << 23 // VIRTIO_NET_F_CTRL_MAC_ADDR
	FeatureGuestUSO4         = 1 << 54 // VIRTIO_NET_F_GUEST_USO4
	FeatureGuestUSO6         = 1 << 55 // VIRTIO_NET_F_GUEST_USO6
	FeatureHostUSO           = 1 << 56 // VIRTIO_NET_F_HOST_USO
)

// What a backend may be able to do, by who has to cope with it.
const (
	hostOffloads  = FeatureCSUM | FeatureHostTSO4 | FeatureHostTSO6 | FeatureHostECN | FeatureHostUFO | FeatureHostUSO
	guestSegments = FeatureGuestTSO4 | FeatureGuestTSO6 | FeatureGuestUSO4 | FeatureGuestUSO6
	guestOffloads = FeatureGuestCSUM | FeatureGuestECN | guestSegments
)

// The configuration space (section 5.1.4).
const (
	configMAC      = 0  // 6 bytes, R
	configStatus   = 6  // le16, R
	configMaxPairs = 8  // le16, R: max_virtqueue_pairs
	configMTU      = 10 // le16, R
	configSize     = 12

	statusLinkUp   = 1 << 0 // VIRTIO_NET_S_LINK_UP
	statusAnnounce = 1 << 1 // VIRTIO_NET_S_ANNOUNCE

	// Of the device's own: past the register.
	statusLost   = 1 << 16 // the link is down because the backend gave up
	statusUntold = 1 << 17 // the driver is to hear of a link that came back with another backend
)

// struct virtio_net_hdr (section 5.1.6), little-endian.
const (
	headerFlags      = 0  // u8
	headerGSOType    = 1  // u8
	headerHdrLen     = 2  // le16
	headerGSOSize    = 4  // le16
	headerCSUMStart  = 6  // le16
	headerCSUMOffset = 8  // le16
	headerNumBuffers = 10 // le16

	// HeaderSize is what stands before each frame, in bytes.
	HeaderSize = 12

	flagNeedsCSUM = 1 << 0 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	flagDataValid = 1 << 1 // VIRTIO_NET_HDR_F_DATA_VALID

	gsoNone  = 0    // VIRTIO_NET_HDR_GSO_NONE
	gsoTCPv4 = 1    // VIRTIO_NET_HDR_GSO_TCPV4
	gsoUDP   = 3    // VIRTIO_NET_HDR_GSO_UDP
	gsoTCPv6 = 4    // VIRTIO_NET_HDR_GSO_TCPV6
	gsoUDPL4 = 5    // VIRTIO_NET_HDR_GSO_UDP_L4
	gsoECN   = 0x80 // VIRTIO_NET_HDR_GSO_ECN, beside a TCP type
)

// Commands of the control queue, class and command (section 5.1.6.5).
const (
	ctrlRX         = 0 // VIRTIO_NET_CTRL_RX
	ctrlRXPromisc  = 0 // u8
	ctrlRXAllMulti = 1 // u8

	ctrlMAC         = 1 // VIRTIO_NET_CTRL_MAC
	ctrlMACTableSet = 0 // two of: le32 entries, 6 bytes each
	ctrlMACAddrSet  = 1 // 6 bytes

	ctrlAnnounce    = 3 // VIRTIO_NET_CTRL_ANNOUNCE
	ctrlAnnounceAck = 0

	ctrlMQ           = 4 // VIRTIO_NET_CTRL_MQ
	ctrlMQVQPairsSet = 0 // le16

	ctrlGuestOffloads    = 5 // VIRTIO_NET_CTRL_GUEST_OFFLOADS
	ctrlGuestOffloadsSet = 0 // le64, of features

	ctrlOK  = 0 // VIRTIO_NET_OK
	ctrlErr = 1 // VIRTIO_NET_ERR
)

// Ethernet.
const (
	macSize      = 6
	ethernetSize = 14 // destination, source, type

	// maxFrame is the longest frame there is, in bytes: 64 KiB to be cut into
	// segments, and headers around them.
	maxFrame = 64<<10 + 64

	// minMTU and maxMTU bound what a device may advise (section 5.1.4.1).
	minMTU = 68
	maxMTU = 65535
)
