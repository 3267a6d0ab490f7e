package vhost

// ioctl is the number of a call (include/uapi/asm-generic/ioctl.h).
type ioctl uint32

const (
	dirNone  = 0
	dirWrite = 1
	dirRead  = 2

	vhostVirtio = 0xaf // VHOST_VIRTIO
)

func makeIoctl(dir, nr, size uint32) ioctl { return ioctl(dir<<30 | size<<16 | vhostVirtio<<8 | nr) }

// size is the size of the argument in bytes.
func (i ioctl) size() uintptr { return uintptr(i >> 16 & 0x3fff) }

// The calls, by their numbers in include/uapi/linux/vhost.h.
var (
	ioGetFeatures  = makeIoctl(dirRead, 0x00, 8)
	ioSetFeatures  = makeIoctl(dirWrite, 0x00, 8)
	ioSetOwner     = makeIoctl(dirNone, 0x01, 0)
	ioSetMemTable  = makeIoctl(dirWrite, 0x03, memoryHeaderSize)
	ioSetVringNum  = makeIoctl(dirWrite, 0x10, 8)
	ioSetVringAddr = makeIoctl(dirWrite, 0x11, 40)
	ioSetVringBase = makeIoctl(dirWrite, 0x12, 8)
	ioGetVringBase = makeIoctl(dirRead|dirWrite, 0x12, 8)
	ioSetVringKick = makeIoctl(dirWrite, 0x20, 8)
	ioSetVringCall = makeIoctl(dirWrite, 0x21, 8)
	ioSetVringErr  = makeIoctl(dirWrite, 0x22, 8)
	ioSetBackend   = makeIoctl(dirWrite, 0x30, 8) // VHOST_NET_SET_BACKEND
)
