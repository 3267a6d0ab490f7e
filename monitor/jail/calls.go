package jail

import "github.com/hullvm/hull/internal/jail"

// Calls are the system calls that are allowed besides those of the runtime.
func Calls() []jail.Call {
	return []jail.Call{
		{Name: "readv", Why: "frames of a network, bytes of a vsock connection, replies of a file server", Rare: "with such devices"},
		{Name: "writev", Why: "frames of a network, bytes of a vsock connection, requests to a file server, memory for another host", Rare: "with such devices, or where a machine moves"},
		{Name: "preadv", Why: "disks", Rare: "with disks"},
		{Name: "pwritev", Why: "disks", Rare: "with disks"},
		{Name: "preadv2", Why: "disks: what is in the page cache (RWF_NOWAIT)", Rare: "with disks"},
		{Name: "pwritev2", Why: "disks: what the page cache takes (RWF_NOWAIT)", Rare: "with disks"},
		{Name: "fdatasync", Why: "a disk's flush", Rare: "with disks"},
		{Name: "fallocate", Why: "a disk's discard and zeroes; a balloon over shared memory", Rare: "with disks and balloons"},
		{Name: "ftruncate", Why: "a disk grows; shared memory gets its size", Rare: "with disks and shared memory"},
		{Name: "pwrite64", Why: "a snapshot's memory", Rare: "where a machine is saved"},
		{Name: "lseek", Why: "the holes of a memory file; how long a state is", Rare: "where a machine is saved or restored"},
		{Name: "fstat", Why: "what a descriptor is, and how long its file", Rare: "with files"},
		{Name: "statx", Why: "how a file wants direct transfers aligned", Rare: "with disks that go around the page cache"},
		{Name: "memfd_create", Why: "guest memory that is shared", Rare: "with shared memory"},
		{Name: "sysinfo", Why: "how much memory the host has", Rare: "where a machine may not have more than the host"},
		{Name: "ppoll", Why: "whether an interrupt that is masked is pending", Rare: "where a guest looks at that, or is saved"},
		{Name: "accept4", Why: "clients of the control socket and of the guest's vsock"},
		{Name: "getsockname", Why: "a socket that was handed over or accepted"},
		{Name: "getpeername", Why: "a socket that was handed over"},
		{Name: "getsockopt", Why: "a socket that was handed over"},
		{Name: "shutdown", Why: "one direction of a connection ends", Rare: "with vsock"},
		{Name: "recvmsg", Why: "requests of the control socket, a connection from the broker"},
	}
}

// Refused are system calls that fail: the runtime and libraries try them, and there
// is nothing to open.
func Refused() []jail.Call {
	return []jail.Call{
		{Name: "openat", Why: "a time zone, or the host's count of large pages for a message"},
	}
}

// Conditional are system calls that are allowed with some arguments.
func Conditional() []jail.Call {
	return []jail.Call{
		{Name: "ioctl", Why: "the requests below, by their numbers"},
		{Name: "prctl", Why: "a vCPU's thread is given its name (PR_SET_NAME)"},
	}
}
