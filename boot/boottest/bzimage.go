package boottest

import "encoding/binary"

// BzImage describes a bzImage. NewBzImage makes a good one.
type BzImage struct {
	SetupSects    uint8
	Version       uint16
	LoadFlags     uint8
	XLoadFlags    uint16
	HeaderEnd     int // offset in the file
	InitrdAddrMax uint32
	Alignment     uint32
	Relocatable   bool
	CmdlineSize   uint32
	SetupData     uint64
	PrefAddress   uint64
	InitSize      uint32
	Kernel        []byte // the protected-mode kernel, a multiple of 16 bytes
}

// NewBzImage describes a bzImage like those of Debian, with n bytes of kernel.
func NewBzImage(n int) BzImage {
	b := BzImage{
		SetupSects: 3, Version: 0x20f, LoadFlags: 1, XLoadFlags: 0x7f, HeaderEnd: 0x26c,
		InitrdAddrMax: 0x7fffffff, Alignment: 2 << 20, Relocatable: true, CmdlineSize: 2047,
		PrefAddress: 16 << 20, InitSize: 4 << 20, Kernel: make([]byte, n),
	}
	for i := range b.Kernel {
		b.Kernel[i] = byte(i*7 + i>>8)
	}
	return b
}

// Bytes is the file.
func (b BzImage) Bytes() []byte {
	sectors := int(b.SetupSects)
	if sectors == 0 {
		sectors = 4
	}
	out := make([]byte, max((sectors+1)*512, 0x290))
	le := binary.LittleEndian
	out[0x1f1] = b.SetupSects
	le.PutUint32(out[0x1f4:], uint32(len(b.Kernel)/16))
	le.PutUint16(out[0x1fe:], 0xaa55)
	out[0x200], out[0x201] = 0xeb, byte(b.HeaderEnd-0x202)
	copy(out[0x202:], "HdrS")
	le.PutUint16(out[0x206:], b.Version)
	out[0x211] = b.LoadFlags
	le.PutUint32(out[0x214:], 0x100000)
	le.PutUint32(out[0x22c:], b.InitrdAddrMax)
	le.PutUint32(out[0x230:], b.Alignment)
	if b.Relocatable {
		out[0x234] = 1
	}
	le.PutUint16(out[0x236:], b.XLoadFlags)
	le.PutUint32(out[0x238:], b.CmdlineSize)
	le.PutUint64(out[0x250:], b.SetupData)
	le.PutUint64(out[0x258:], b.PrefAddress)
	le.PutUint32(out[0x260:], b.InitSize)
	return append(out, b.Kernel...)
}
