package jail

import (
	"fmt"
	"strconv"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Rights beneath the directory. Devices are not made, and programs not run.
const (
	readRights  = ll.AccessFSReadFile | ll.AccessFSReadDir
	writeRights = ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSRefer |
		ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir | ll.AccessFSMakeReg |
		ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym
)

// minABI is the first version in which a file can move between directories.
const minABI = 2

// restrict allows all threads files beneath the directory alone.
func restrict(root int, readOnly bool) error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return err
	}
	if abi < minABI {
		return fmt.Errorf("version %d: want %d (Linux 5.19)", abi, minABI)
	}
	rights := landlock.AccessFSSet(readRights)
	if !readOnly {
		rights |= writeRights
	}
	return landlock.V11.BestEffort().Restrict(landlock.PathAccess(rights, rootPath(root)))
}

// rootPath names the directory: the descriptor itself where /proc is there, and
// "/" where it is not, for then the directory is the root.
func rootPath(root int) string {
	path := "/proc/self/fd/" + strconv.Itoa(root)
	if !exists(path) {
		return "/"
	}
	return path
}

func exists(path string) bool { return unix.Access(path, unix.F_OK) == nil }
