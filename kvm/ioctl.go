package kvm

// ioctl is the number of a call: direction, size of the argument, type and
// number (include/uapi/asm-generic/ioctl.h).
type ioctl uint32

const (
	dirNone  = 0
	dirWrite = 1
	dirRead  = 2

	kvmIO = 0xae
)

func makeIoctl(dir, nr, size uint32) ioctl { return ioctl(dir<<30 | size<<16 | kvmIO<<8 | nr) }

// size is the size of the argument in bytes.
func (i ioctl) size() uintptr { return uintptr(i >> 16 & 0x3fff) }

// The calls, by their numbers in include/uapi/linux/kvm.h, with the sizes of
// their structures. A test holds the sizes against Go's.
var (
	ioGetAPIVersion   = makeIoctl(dirNone, 0x00, 0)
	ioCreateVM        = makeIoctl(dirNone, 0x01, 0)
	ioGetMSRIndexList = makeIoctl(dirRead|dirWrite, 0x02, 4)
	ioCheckExtension  = makeIoctl(dirNone, 0x03, 0)
	ioGetVCPUMmapSize = makeIoctl(dirNone, 0x04, 0)
	ioGetSupportedCPU = makeIoctl(dirRead|dirWrite, 0x05, 8)
	ioGetEmulatedCPU  = makeIoctl(dirRead|dirWrite, 0x09, 8)
	ioGetMSRFeatures  = makeIoctl(dirRead|dirWrite, 0x0a, 4)
	ioCreateVCPU      = makeIoctl(dirNone, 0x41, 0)
	ioGetDirtyLog     = makeIoctl(dirWrite, 0x42, 16)
	ioSetUserMemory   = makeIoctl(dirWrite, 0x46, 32)
	ioSetTSSAddr      = makeIoctl(dirNone, 0x47, 0)
	ioSetIdentityMap  = makeIoctl(dirWrite, 0x48, 8)
	ioCreateIRQChip   = makeIoctl(dirNone, 0x60, 0)
	ioIRQLine         = makeIoctl(dirWrite, 0x61, 8)
	ioGetIRQChip      = makeIoctl(dirRead|dirWrite, 0x62, 520)
	ioSetIRQChip      = makeIoctl(dirRead, 0x63, 520)
	ioSetGSIRouting   = makeIoctl(dirWrite, 0x6a, 8)
	ioIRQFD           = makeIoctl(dirWrite, 0x76, 32)
	ioCreatePIT2      = makeIoctl(dirWrite, 0x77, 64)
	ioSetBootCPUID    = makeIoctl(dirNone, 0x78, 0)
	ioIOEventFD       = makeIoctl(dirWrite, 0x79, 64)
	ioSetClock        = makeIoctl(dirWrite, 0x7b, 48)
	ioGetClock        = makeIoctl(dirRead, 0x7c, 48)
	ioRun             = makeIoctl(dirNone, 0x80, 0)
	ioGetRegs         = makeIoctl(dirRead, 0x81, 144)
	ioSetRegs         = makeIoctl(dirWrite, 0x82, 144)
	ioGetSRegs        = makeIoctl(dirRead, 0x83, 312)
	ioSetSRegs        = makeIoctl(dirWrite, 0x84, 312)
	ioTranslate       = makeIoctl(dirRead|dirWrite, 0x85, 24)
	ioInterrupt       = makeIoctl(dirWrite, 0x86, 4)
	ioGetMSRs         = makeIoctl(dirRead|dirWrite, 0x88, 8)
	ioSetMSRs         = makeIoctl(dirWrite, 0x89, 8)
	ioGetFPU          = makeIoctl(dirRead, 0x8c, 416)
	ioSetFPU          = makeIoctl(dirWrite, 0x8d, 416)
	ioGetLAPIC        = makeIoctl(dirRead, 0x8e, 1024)
	ioSetLAPIC        = makeIoctl(dirWrite, 0x8f, 1024)
	ioSetCPUID2       = makeIoctl(dirWrite, 0x90, 8)
	ioGetCPUID2       = makeIoctl(dirRead|dirWrite, 0x91, 8)
	ioGetMPState      = makeIoctl(dirRead, 0x98, 4)
	ioSetMPState      = makeIoctl(dirWrite, 0x99, 4)
	ioNMI             = makeIoctl(dirNone, 0x9a, 0)
	ioSetGuestDebug   = makeIoctl(dirWrite, 0x9b, 72)
	ioGetPIT2         = makeIoctl(dirRead, 0x9f, 112)
	ioGetVCPUEvents   = makeIoctl(dirRead, 0x9f, 64)
	ioSetPIT2         = makeIoctl(dirWrite, 0xa0, 112)
	ioSetVCPUEvents   = makeIoctl(dirWrite, 0xa0, 64)
	ioGetDebugRegs    = makeIoctl(dirRead, 0xa1, 128)
	ioSetDebugRegs    = makeIoctl(dirWrite, 0xa2, 128)
	ioSetTSCKHz       = makeIoctl(dirNone, 0xa2, 0)
	ioGetTSCKHz       = makeIoctl(dirNone, 0xa3, 0)
	ioEnableCap       = makeIoctl(dirWrite, 0xa3, 104)
	ioGetXSave        = makeIoctl(dirRead, 0xa4, 4096)
	ioSetXSave        = makeIoctl(dirWrite, 0xa5, 4096)
	ioSignalMSI       = makeIoctl(dirWrite, 0xa5, 32)
	ioGetXCRS         = makeIoctl(dirRead, 0xa6, 392)
	ioSetXCRS         = makeIoctl(dirWrite, 0xa7, 392)
	ioKVMClockCtrl    = makeIoctl(dirNone, 0xad, 0)
	ioClearDirtyLog   = makeIoctl(dirRead|dirWrite, 0xc0, 24)
	ioGetSRegs2       = makeIoctl(dirRead, 0xcc, 320)
	ioSetSRegs2       = makeIoctl(dirWrite, 0xcd, 320)
	ioGetXSave2       = makeIoctl(dirRead, 0xcf, 4096)
	ioSetDeviceAttr   = makeIoctl(dirWrite, 0xe1, 24)
	ioGetDeviceAttr   = makeIoctl(dirWrite, 0xe2, 24)
	ioHasDeviceAttr   = makeIoctl(dirWrite, 0xe3, 24)
)
