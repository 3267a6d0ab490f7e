package vhost

import (
	"testing"
	"unsafe"
)

// What the C compiler makes of include/uapi/linux/vhost.h on x86-64.
func TestNumbersAreThoseOfTheHeader(t *testing.T) {
	for _, k := range []struct {
		name string
		nr   ioctl
		want ioctl
		size uintptr
	}{
		{"VHOST_GET_FEATURES", ioGetFeatures, 0x8008af00, unsafe.Sizeof(uint64(0))},
		{"VHOST_SET_FEATURES", ioSetFeatures, 0x4008af00, unsafe.Sizeof(uint64(0))},
		{"VHOST_SET_OWNER", ioSetOwner, 0xaf01, 0},
		{"VHOST_SET_MEM_TABLE", ioSetMemTable, 0x4008af03, unsafe.Offsetof(memoryTable{}.regions)},
		{"VHOST_SET_VRING_NUM", ioSetVringNum, 0x4008af10, unsafe.Sizeof(vringState{})},
		{"VHOST_SET_VRING_ADDR", ioSetVringAddr, 0x4028af11, unsafe.Sizeof(vringAddr{})},
		{"VHOST_SET_VRING_BASE", ioSetVringBase, 0x4008af12, unsafe.Sizeof(vringState{})},
		{"VHOST_GET_VRING_BASE", ioGetVringBase, 0xc008af12, unsafe.Sizeof(vringState{})},
		{"VHOST_SET_VRING_KICK", ioSetVringKick, 0x4008af20, unsafe.Sizeof(vringFile{})},
		{"VHOST_SET_VRING_CALL", ioSetVringCall, 0x4008af21, unsafe.Sizeof(vringFile{})},
		{"VHOST_SET_VRING_ERR", ioSetVringErr, 0x4008af22, unsafe.Sizeof(vringFile{})},
		{"VHOST_NET_SET_BACKEND", ioSetBackend, 0x4008af30, unsafe.Sizeof(vringFile{})},
	} {
		if k.nr != k.want {
			t.Errorf("%s: %#x, want %#x", k.name, k.nr, k.want)
		}
		if k.nr.size() != k.size {
			t.Errorf("%s: the structure has %d bytes, the number says %d", k.name, k.size, k.nr.size())
		}
	}
}

func TestStructuresHaveTheKernelsLayouts(t *testing.T) {
	for _, k := range []struct {
		name      string
		got, want uintptr
	}{
		{"vhost_vring_state", unsafe.Sizeof(vringState{}), 8},
		{"vhost_vring_state num", unsafe.Offsetof(vringState{}.num), 4},
		{"vhost_vring_file", unsafe.Sizeof(vringFile{}), 8},
		{"vhost_vring_file fd", unsafe.Offsetof(vringFile{}.fd), 4},
		{"vhost_vring_addr", unsafe.Sizeof(vringAddr{}), 40},
		{"vhost_vring_addr flags", unsafe.Offsetof(vringAddr{}.flags), 4},
		{"vhost_vring_addr desc_user_addr", unsafe.Offsetof(vringAddr{}.desc), 8},
		{"vhost_vring_addr used_user_addr", unsafe.Offsetof(vringAddr{}.used), 16},
		{"vhost_vring_addr avail_user_addr", unsafe.Offsetof(vringAddr{}.avail), 24},
		{"vhost_vring_addr log_guest_addr", unsafe.Offsetof(vringAddr{}.logGuest), 32},
		{"vhost_memory regions", unsafe.Offsetof(memoryTable{}.regions), 8},
		{"vhost_memory_region", unsafe.Sizeof(memoryRegion{}), 32},
		{"vhost_memory_region memory_size", unsafe.Offsetof(memoryRegion{}.size), 8},
		{"vhost_memory_region userspace_addr", unsafe.Offsetof(memoryRegion{}.user), 16},
		{"vhost_memory_region flags_padding", unsafe.Offsetof(memoryRegion{}.flags), 24},
	} {
		if k.got != k.want {
			t.Errorf("%s: %d, want %d", k.name, k.got, k.want)
		}
	}
}
