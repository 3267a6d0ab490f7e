package jail

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/jail"
)

// calls are the system calls that are allowed besides those of the runtime: to
// read resolv.conf, and to use sockets. There is no bind and no listen: what is to
// be listened to was handed over.
var calls = []string{
	"openat", "fstat", "newfstatat",
	"connect", "accept4", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt",
	"recvfrom", "recvmsg", "sendto", "sendmsg", "ppoll",
}

// filter allows these, and the sockets of TCP and UDP. Any other call ends the
// process.
func filter() error {
	const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	sockets := jail.If{Name: "socket", Where: []jail.Condition{
		jail.OneOf(0, unix.AF_INET, unix.AF_INET6),
		jail.OneOf(1, unix.SOCK_STREAM|flags, unix.SOCK_DGRAM|flags),
		jail.OneOf(2, 0),
	}}
	return jail.Filter(jail.Calls{Names: calls, If: []jail.If{sockets}, Otherwise: jail.Kill})
}
