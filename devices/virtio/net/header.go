package net

import (
	"encoding/binary"
	"errors"
)

// front is the beginning of a frame, as it is copied to be looked at: the header
// and the Ethernet header.
type front [HeaderSize + ethernetSize]byte

func (f *front) le16(off int) uint16       { return binary.LittleEndian.Uint16(f[off:]) }
func (f *front) putLE16(off int, v uint16) { binary.LittleEndian.PutUint16(f[off:], v) }
func (f *front) destination() (m MAC)      { return MAC(f[HeaderSize:]) }
func (f *front) source() (m MAC)           { return MAC(f[HeaderSize+macSize:]) }

// errHeader is why a frame is dropped for its header.
var errHeader = errors.New("header is not one that was negotiated")

// checkSent makes of a driver's header one that says only what features allow
// and what can be true of a frame of length bytes (section 5.1.6.2). What cannot
// be is an error.
func (f *front) checkSent(features uint64, length int) error {
	// Flags that mean nothing on this way are ignored, as is hdr_len where it is
	// past the frame: it is a hint.
	flags := f[headerFlags] & flagNeedsCSUM
	kind := f[headerGSOType]
	hdrLen, gsoSize := f.le16(headerHdrLen), f.le16(headerGSOSize)
	start, offset := f.le16(headerCSUMStart), f.le16(headerCSUMOffset)
	if flags == 0 {
		start, offset = 0, 0
	} else if features&FeatureCSUM == 0 || start < ethernetSize || int(start)+int(offset)+2 > length {
		return errHeader
	}
	if kind == gsoNone {
		hdrLen, gsoSize = 0, 0
	} else if needs := sentSegments(kind); features&needs != needs || flags == 0 || gsoSize == 0 || needs == 0 {
		return errHeader
	}
	f[headerFlags] = flags
	f.putLE16(headerHdrLen, min(hdrLen, uint16(min(length, 1<<16-1))))
	f.putLE16(headerGSOSize, gsoSize)
	f.putLE16(headerCSUMStart, start)
	f.putLE16(headerCSUMOffset, offset)
	f.putLE16(headerNumBuffers, 0)
	return nil
}

// sentSegments are the features that a driver needs for a GSO type; 0 where there
// is no such type.
func sentSegments(kind byte) uint64 {
	switch kind {
	case gsoTCPv4:
		return FeatureHostTSO4
	case gsoTCPv4 | gsoECN:
		return FeatureHostTSO4 | FeatureHostECN
	case gsoTCPv6:
		return FeatureHostTSO6
	case gsoTCPv6 | gsoECN:
		return FeatureHostTSO6 | FeatureHostECN
	case gsoUDP:
		return FeatureHostUFO
	case gsoUDPL4:
		return FeatureHostUSO
	}
	return 0
}

// checkReceived makes of a backend's header one that the driver can take, with
// the offloads that it wants now (section 5.1.6.4.1). A frame that came before
// the backend knew what the driver wants is an error.
func (f *front) checkReceived(offloads uint64) error {
	flags := f[headerFlags] & (flagNeedsCSUM | flagDataValid)
	if offloads&FeatureGuestCSUM == 0 {
		if flags&flagNeedsCSUM != 0 {
			return errHeader
		}
		flags = 0
	}
	if flags&flagNeedsCSUM == 0 {
		f.putLE16(headerCSUMStart, 0)
		f.putLE16(headerCSUMOffset, 0)
	}
	switch kind := f[headerGSOType]; {
	case kind == gsoNone:
		f.putLE16(headerHdrLen, 0)
		f.putLE16(headerGSOSize, 0)
	case !receivable(kind, offloads):
		return errHeader
	}
	f[headerFlags] = flags
	return nil
}

func receivable(kind byte, offloads uint64) bool {
	switch kind {
	case gsoTCPv4:
		return offloads&FeatureGuestTSO4 != 0
	case gsoTCPv4 | gsoECN:
		return offloads&FeatureGuestTSO4 != 0 && offloads&FeatureGuestECN != 0
	case gsoTCPv6:
		return offloads&FeatureGuestTSO6 != 0
	case gsoTCPv6 | gsoECN:
		return offloads&FeatureGuestTSO6 != 0 && offloads&FeatureGuestECN != 0
	case gsoUDPL4:
		return offloads&(FeatureGuestUSO4|FeatureGuestUSO6) != 0
	}
	return false
}
