package jail

import "github.com/hullvm/hull/internal/jail"

// System calls that are allowed besides those of the runtime.
var (
	// readCalls find and read files. Those from setfsuid on are for who a thread is, among
	// those that its capabilities allow.
	readCalls = []string{
		"openat", "openat2", "statx", "fstat", "newfstatat", "fstatfs", "faccessat2", "readlinkat",
		"lseek", "getdents64", "fgetxattr", "flistxattr", "fsync", "fdatasync", "syncfs",
		"setfsuid", "setfsgid", "capset", "capget", "getrlimit", "prlimit64", "geteuid", "getegid",
	}

	// writeCalls change files.
	writeCalls = []string{
		"pwrite64", "ftruncate", "fallocate", "copy_file_range",
		"mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "renameat2",
		"fchmodat", "fchownat", "utimensat", "fsetxattr", "fremovexattr",
	}
)

// filter allows these, and answers EPERM to all others.
func filter(readOnly bool) error {
	names := readCalls
	if !readOnly {
		names = append(append([]string(nil), names...), writeCalls...)
	}
	return jail.Filter(jail.Calls{Names: names, Otherwise: jail.Fail})
}
