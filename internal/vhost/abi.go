package vhost

// Structures of include/uapi/linux/vhost_types.h. A test compares them with the
// header.

// vringState is struct vhost_vring_state.
type vringState struct {
	index uint32
	num   uint32
}

// vringFile is struct vhost_vring_file; fd is -1 for none.
type vringFile struct {
	index uint32
	fd    int32
}

// vringAddr is struct vhost_vring_addr; the addresses are the monitor's own.
type vringAddr struct {
	index    uint32
	flags    uint32
	desc     uint64
	used     uint64
	avail    uint64
	logGuest uint64
}

// memoryRegion is struct vhost_memory_region.
type memoryRegion struct {
	guest uint64
	size  uint64 // bytes
	user  uint64
	flags uint64
}

// maxRegions is more than guest memory has, and less than the kernel takes: 64.
const maxRegions = 16

// memoryTable is struct vhost_memory with room for its regions.
type memoryTable struct {
	count   uint32
	_       uint32
	regions [maxRegions]memoryRegion
}

// memoryHeaderSize is the size of struct vhost_memory, without its regions.
const memoryHeaderSize = 8
