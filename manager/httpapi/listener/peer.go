package listener

import (
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Conn is a connection of a unix socket. The kernel says who made it.
type Conn struct {
	*net.UnixConn
	refusal error
}

func newConn(c *net.UnixConn, gid int) *Conn {
	return &Conn{UnixConn: c, refusal: judge(c, gid)}
}

// Admitted is nil for a peer that may use the server: root, the server's own user,
// and members of the socket's group.
func (c *Conn) Admitted() error { return c.refusal }

func judge(c *net.UnixConn, gid int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	var refusal error
	if err := raw.Control(func(fd uintptr) { refusal = judgeFD(int(fd), gid) }); err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	return refusal
}

func judgeFD(fd, gid int) error {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return fmt.Errorf("peer: credentials: %w", err)
	}
	if cred.Uid == 0 || int(cred.Uid) == os.Geteuid() {
		return nil
	}
	if gid < 0 {
		return fmt.Errorf("user %d may not use this server: it is neither root nor the server's own", cred.Uid)
	}
	if int(cred.Gid) == gid {
		return nil
	}
	groups, err := peerGroups(fd)
	if err != nil {
		return fmt.Errorf("peer: groups: %w", err)
	}
	if slices.Contains(groups, uint32(gid)) {
		return nil
	}
	return fmt.Errorf("user %d may not use this server: it is neither root nor the server's own, nor in the socket's group %d", cred.Uid, gid)
}
