package fuse

import "fmt"

// Version of the protocol that this package speaks, and the oldest minor version
// it can speak with: the first that a virtio-fs driver came with.
const (
	Major    = 7
	Minor    = 38
	MinMinor = 31
)

// RootID is the node id of the root (FUSE_ROOT_ID).
const RootID = 1

// Opcode says what a request asks for (enum fuse_opcode).
type Opcode uint32

// The opcodes, with the kernel's names.
const (
	LOOKUP          Opcode = 1
	FORGET          Opcode = 2
	GETATTR         Opcode = 3
	SETATTR         Opcode = 4
	READLINK        Opcode = 5
	SYMLINK         Opcode = 6
	MKNOD           Opcode = 8
	MKDIR           Opcode = 9
	UNLINK          Opcode = 10
	RMDIR           Opcode = 11
	RENAME          Opcode = 12
	LINK            Opcode = 13
	OPEN            Opcode = 14
	READ            Opcode = 15
	WRITE           Opcode = 16
	STATFS          Opcode = 17
	RELEASE         Opcode = 18
	FSYNC           Opcode = 20
	SETXATTR        Opcode = 21
	GETXATTR        Opcode = 22
	LISTXATTR       Opcode = 23
	REMOVEXATTR     Opcode = 24
	FLUSH           Opcode = 25
	INIT            Opcode = 26
	OPENDIR         Opcode = 27
	READDIR         Opcode = 28
	RELEASEDIR      Opcode = 29
	FSYNCDIR        Opcode = 30
	GETLK           Opcode = 31
	SETLK           Opcode = 32
	SETLKW          Opcode = 33
	ACCESS          Opcode = 34
	CREATE          Opcode = 35
	INTERRUPT       Opcode = 36
	BMAP            Opcode = 37
	DESTROY         Opcode = 38
	IOCTL           Opcode = 39
	POLL            Opcode = 40
	BATCH_FORGET    Opcode = 42
	FALLOCATE       Opcode = 43
	READDIRPLUS     Opcode = 44
	RENAME2         Opcode = 45
	LSEEK           Opcode = 46
	COPY_FILE_RANGE Opcode = 47
	SETUPMAPPING    Opcode = 48
	REMOVEMAPPING   Opcode = 49
	SYNCFS          Opcode = 50
	TMPFILE         Opcode = 51
)

var opcodeNames = [...]string{
	LOOKUP: "LOOKUP", FORGET: "FORGET", GETATTR: "GETATTR", SETATTR: "SETATTR",
	READLINK: "READLINK", SYMLINK: "SYMLINK", MKNOD: "MKNOD", MKDIR: "MKDIR",
	UNLINK: "UNLINK", RMDIR: "RMDIR", RENAME: "RENAME", LINK: "LINK", OPEN: "OPEN",
	READ: "READ", WRITE: "WRITE", STATFS: "STATFS", RELEASE: "RELEASE", FSYNC: "FSYNC",
	SETXATTR: "SETXATTR", GETXATTR: "GETXATTR", LISTXATTR: "LISTXATTR",
	REMOVEXATTR: "REMOVEXATTR", FLUSH: "FLUSH", INIT: "INIT", OPENDIR: "OPENDIR",
	READDIR: "READDIR", RELEASEDIR: "RELEASEDIR", FSYNCDIR: "FSYNCDIR", GETLK: "GETLK",
	SETLK: "SETLK", SETLKW: "SETLKW", ACCESS: "ACCESS", CREATE: "CREATE",
	INTERRUPT: "INTERRUPT", BMAP: "BMAP", DESTROY: "DESTROY", IOCTL: "IOCTL", POLL: "POLL",
	BATCH_FORGET: "BATCH_FORGET", FALLOCATE: "FALLOCATE", READDIRPLUS: "READDIRPLUS",
	RENAME2: "RENAME2", LSEEK: "LSEEK", COPY_FILE_RANGE: "COPY_FILE_RANGE",
	SETUPMAPPING: "SETUPMAPPING", REMOVEMAPPING: "REMOVEMAPPING", SYNCFS: "SYNCFS",
	TMPFILE: "TMPFILE",
}

func (o Opcode) String() string {
	if uint64(o) < uint64(len(opcodeNames)) && opcodeNames[o] != "" {
		return opcodeNames[o]
	}
	return fmt.Sprintf("opcode %d", uint32(o))
}
