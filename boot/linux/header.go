package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Offsets of the setup header's fields, in a bzImage and in the zero page
// alike (boot.rst, The Real-Mode Kernel Header).
const (
	offSetupSects      = 0x1f1 // 1 byte: sectors of real-mode code, the first aside
	offSysSize         = 0x1f4 // 4: size of the rest, in units of 16 bytes
	offVidMode         = 0x1fa // 2
	offBootFlag        = 0x1fe // 2
	offJump            = 0x201 // 1: the header's length from 0x202 on
	offMagic           = 0x202 // 4
	offVersion         = 0x206 // 2
	offTypeOfLoader    = 0x210 // 1
	offLoadFlags       = 0x211 // 1
	offCode32Start     = 0x214 // 4
	offRamdiskImage    = 0x218 // 4
	offRamdiskSize     = 0x21c // 4
	offCmdLinePtr      = 0x228 // 4
	offInitrdAddrMax   = 0x22c // 4
	offKernelAlignment = 0x230 // 4
	offRelocatable     = 0x234 // 1
	offXLoadFlags      = 0x236 // 2
	offCmdlineSize     = 0x238 // 4
	offSetupData       = 0x250 // 8
	offPrefAddress     = 0x258 // 8
	offInitSize        = 0x260 // 4

	headerStart  = offSetupSects
	headerMinEnd = offInitSize + 4
	headerMaxEnd = 0x290 // the zero page has other fields from here on
)

const (
	bootFlag        = 0xaa55
	headerMagic     = "HdrS"
	minVersion      = 0x020c // the first with xloadflags
	ownVersion      = 0x020f // what this package knows
	loaderUndefined = 0xff
	loadedHigh      = 1 << 0 // loadflags: the kernel goes to 1 MiB or above
	vidModeNormal   = 0xffff

	xlfKernel64    = 1 << 0 // xloadflags: there is a 64-bit entry
	xlfAbove4GiB   = 1 << 1 // the initrd may be anywhere
	maxAlignment   = 1 << 30
	sectorSize     = 512
	defaultSectors = 4 // what setup_sects 0 stands for
	paragraph      = 16

	// entry64 is the 64-bit entry from the start of the protected-mode kernel.
	entry64 = 0x200

	// commandLineSize is the longest command line that 64-bit Linux takes,
	// with the NUL: COMMAND_LINE_SIZE in its asm/setup.h.
	commandLineSize = 2048
)

// ErrNotBzImage says that a file has no Linux setup header.
var ErrNotBzImage = errors.New("not a bzImage")

// header is the setup header of a bzImage: bytes, and the fields that say how
// to load it.
type header struct {
	raw []byte // from headerStart to the header's end

	setupSize     int64  // real-mode code, in bytes
	systemSize    int64  // protected-mode kernel, in bytes
	prefAddress   uint64 // where it wants to run
	alignment     uint64 // of where it can run, if it is relocatable
	relocatable   bool
	initSize      uint64 // bytes it needs from where it runs on
	initrdAddrMax uint64 // last address the initrd may occupy
	initrdAnyAddr bool   // which may then be above 4 GiB, too
	cmdlineSize   uint64 // longest command line, without the NUL
}

// parseHeader reads the header from the first headerMaxEnd bytes of a file.
func parseHeader(b []byte) (*header, error) {
	if len(b) < headerMaxEnd {
		return nil, ErrNotBzImage
	}
	le := binary.LittleEndian
	if le.Uint16(b[offBootFlag:]) != bootFlag || string(b[offMagic:offMagic+len(headerMagic)]) != headerMagic {
		return nil, ErrNotBzImage
	}
	if v := le.Uint16(b[offVersion:]); v < minVersion {
		return nil, fmt.Errorf("boot protocol %d.%02d: at least 2.12 is needed, which Linux has since 3.8", v>>8, v&0xff)
	}
	xload := le.Uint16(b[offXLoadFlags:])
	if xload&xlfKernel64 == 0 {
		return nil, errors.New("no 64-bit entry (xloadflags bit 0): only 64-bit kernels can be started")
	}
	if b[offLoadFlags]&loadedHigh == 0 {
		return nil, errors.New("loadflags without LOADED_HIGH: a zImage, which no 64-bit kernel is")
	}
	end := offMagic + int(b[offJump])
	if end < headerMinEnd || end > headerMaxEnd {
		return nil, fmt.Errorf("setup header ends at %#x: want %#x to %#x", end, headerMinEnd, headerMaxEnd)
	}
	sectors := int64(b[offSetupSects])
	if sectors == 0 {
		sectors = defaultSectors
	}
	h := &header{
		raw:           b[headerStart:end],
		setupSize:     (sectors + 1) * sectorSize,
		systemSize:    int64(le.Uint32(b[offSysSize:])) * paragraph,
		prefAddress:   le.Uint64(b[offPrefAddress:]),
		alignment:     uint64(le.Uint32(b[offKernelAlignment:])),
		relocatable:   b[offRelocatable] != 0,
		initSize:      uint64(le.Uint32(b[offInitSize:])),
		initrdAddrMax: uint64(le.Uint32(b[offInitrdAddrMax:])),
		initrdAnyAddr: xload&xlfAbove4GiB != 0,
		cmdlineSize:   uint64(le.Uint32(b[offCmdlineSize:])),
	}
	if h.relocatable && (bits.OnesCount64(h.alignment) != 1 || h.alignment > maxAlignment) {
		return nil, fmt.Errorf("kernel_alignment %#x: want a power of two, at most %#x", h.alignment, maxAlignment)
	}
	return h, nil
}
