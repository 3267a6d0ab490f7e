package jail

import (
	"github.com/elastic/go-seccomp-bpf"
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
	var sockets []seccomp.NameWithConditions
	for _, family := range []uint64{unix.AF_INET, unix.AF_INET6} {
		for _, kind := range []uint64{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			sockets = append(sockets, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
				{Argument: 0, Operation: seccomp.Equal, Value: family},
				{Argument: 1, Operation: seccomp.Equal, Value: kind | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC},
				{Argument: 2, Operation: seccomp.Equal, Value: 0},
			}})
		}
	}
	return jail.Filter(jail.Calls{Names: calls, If: sockets, Otherwise: seccomp.ActionKillProcess})
}
