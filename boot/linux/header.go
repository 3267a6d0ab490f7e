package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Offsets of the setup header, in a bzImage and in the zero page alike.
const (
	offSetupSects      = 0x1f1 // 1 byte
	offBootFlag        = 0x1fe // 2
	offJump            = 0x201 // 1: the header's length behind 0x202
	offHeader          = 0x202 // 4
	offVersion         = 0x206 // 2
	offTypeOfLoader    = 0x210 // 1
	offLoadFlags       = 0x211 // 1
	offRamdiskImage    = 0x218 // 4
	offRamdiskSize     = 0x21c // 4
	offCmdLinePtr      = 0x228 // 4
	offInitrdAddrMax   = 0x22c // 4
	offKernelAlignment = 0x230 // 4
	offRelocatable     = 0x234 // 1
	offXLoadFlags      = 0x236 // 2
	offCmdlineSize     = 0x238 // 4
	offPrefAddress     = 0x258 // 8
	offInitSize        = 0x260 // 4

	minHeaderEnd = offInitSize + 4
	maxHeaderEnd = 0x290 // where the zero page goes on with other fields
)

const (
	bootFlag      = 0xaa55
	headerMagic   = "HdrS"
	minVersion    = 0x020c // has xloadflags
	loaderUnknown = 0xff
	loadedHigh    = 1 << 0

	xlfKernel64 = 1 << 0

	sector       = 512
	defaultSects = 4

	// entry64 is the 64-bit entry, from the start of the protected-mode kernel.
	entry64 = 0x200
)

// Header is the setup header of a bzImage.
type Header struct {
	raw []byte // from offset 0 to the header's end

	// KernelOffset and KernelSize are the protected-mode kernel in the file.
	KernelOffset, KernelSize int64

	// PrefAddress is where the kernel wants to be, Alignment what another place
	// must be a multiple of, Relocatable whether there may be one.
	PrefAddress uint64
	Alignment   uint64
	Relocatable bool

	// InitSize is the memory the kernel needs from where it is loaded, until it
	// has read its memory map, in bytes.
	InitSize uint64

	// InitrdAddrMax is the last address that the initrd may occupy.
	InitrdAddrMax uint64

	// CmdlineSize is the longest command line, in bytes without the NUL.
	CmdlineSize uint64
}

// ErrNotBzImage says that a file does not have a Linux setup header.
var ErrNotBzImage = errors.New("not a bzImage")

// Entry is the 64-bit entry of a kernel loaded at load.
func (h *Header) Entry(load uint64) uint64 { return load + entry64 }

// ReadHeader reads the header of a bzImage of size bytes.
func ReadHeader(r io.ReaderAt, size int64) (*Header, error) {
	if size < maxHeaderEnd {
		return nil, ErrNotBzImage
	}
	raw := make([]byte, maxHeaderEnd)
	if n, err := r.ReadAt(raw, 0); n < len(raw) {
		return nil, fmt.Errorf("header: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint16(raw[offBootFlag:]) != bootFlag || string(raw[offHeader:offHeader+4]) != headerMagic {
		return nil, ErrNotBzImage
	}
	if v := le.Uint16(raw[offVersion:]); v < minVersion {
		return nil, fmt.Errorf("boot protocol %d.%02d: at least 2.12 (Linux 3.8) is needed", v>>8, v&0xff)
	}
	if le.Uint16(raw[offXLoadFlags:])&xlfKernel64 == 0 {
		return nil, errors.New("the kernel has no 64-bit entry: it is a 32-bit kernel, and Hull boots 64-bit ones")
	}
	end := offHeader + int(raw[offJump])
	if end < minHeaderEnd || end > maxHeaderEnd {
		return nil, fmt.Errorf("the header ends at %#x, not between %#x and %#x", end, minHeaderEnd, maxHeaderEnd)
	}
	sects := int64(raw[offSetupSects])
	if sects == 0 {
		sects = defaultSects
	}
	h := &Header{
		raw:           raw[:end],
		KernelOffset:  (sects + 1) * sector,
		PrefAddress:   le.Uint64(raw[offPrefAddress:]),
		Alignment:     uint64(le.Uint32(raw[offKernelAlignment:])),
		Relocatable:   raw[offRelocatable] != 0,
		InitSize:      uint64(le.Uint32(raw[offInitSize:])),
		InitrdAddrMax: uint64(le.Uint32(raw[offInitrdAddrMax:])),
		CmdlineSize:   uint64(le.Uint32(raw[offCmdlineSize:])),
	}
	h.KernelSize = size - h.KernelOffset
	switch {
	case h.KernelSize <= entry64:
		return nil, fmt.Errorf("%d bytes of setup code and no kernel behind them: the file is cut off", size)
	case h.Alignment == 0 || h.Alignment&(h.Alignment-1) != 0:
		return nil, fmt.Errorf("alignment %#x is not a power of two", h.Alignment)
	}
	// syssize counts the protected-mode kernel in units of 16 bytes.
	if want := int64(le.Uint32(raw[0x1f4:])) * 16; want > (h.KernelSize+15)&^15 {
		return nil, fmt.Errorf("the header promises a kernel of %d bytes, and the file has %d: it is cut off", want, h.KernelSize)
	}
	return h, nil
}
