package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/lockfile"
)

// Group is the group whose members may use the socket, where the host has it.
const Group = "hull"

const (
	socketMode = 0o660
	// maxPath is the longest path of a unix socket, in bytes (unix(7)).
	maxPath = 107
	// probeTime is how long a server on a socket may take to accept.
	probeTime = 2 * time.Second
)

// UnixOptions say where.
type UnixOptions struct {
	Path string
	// Group is whose members may connect; where it is empty, Group's or, on a host
	// without that, those of the process's own.
	Group string
	// OwnFolder opens the socket's folder to the group, which may pass through it and
	// no more.
	OwnFolder bool
}

// Unix listens on a unix socket of mode 0660, and makes its folder where that is
// missing. A socket on which nobody answers is replaced, and nothing else ever.
// Connections are Conns.
func Unix(ctx context.Context, o UnixOptions) (net.Listener, error) {
	l, err := openUnix(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("socket %q: %w", o.Path, err)
	}
	return l, nil
}

func openUnix(ctx context.Context, o UnixOptions) (net.Listener, error) {
	if len(o.Path) > maxPath {
		return nil, fmt.Errorf("the path has %d bytes, at most %d are possible; choose a shorter one with --socket or HULL_RUN_DIR", len(o.Path), maxPath)
	}
	gid, err := groupID(o.Group)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(o.Path)
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if o.OwnFolder {
		if err := openFolder(folder, gid); err != nil {
			return nil, err
		}
	}
	// Two that start at once must not replace each other's. The server that listens
	// holds it for as long as it does.
	lock, err := lockfile.Try(o.Path + ".lock")
	if errors.Is(err, lockfile.ErrHeld) {
		return nil, errors.New("another server of hull listens on it")
	}
	if err != nil {
		return nil, err
	}
	l, err := bind(ctx, o.Path, gid)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return &unixListener{UnixListener: l, gid: gid, lock: lock}, nil
}

// groupID is the group of the socket.
func groupID(name string) (int, error) {
	wanted := name
	if name == "" {
		wanted = Group
	}
	g, err := user.LookupGroup(wanted)
	var unknown user.UnknownGroupError
	switch {
	case name == "" && errors.As(err, &unknown):
		return os.Getegid(), nil
	case err != nil:
		return 0, fmt.Errorf("group %q: %w", wanted, err)
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("group %q: its number is %q", wanted, g.Gid)
	}
	return int(gid), nil
}

// openFolder lets a group pass through a folder of this user's.
func openFolder(folder string, gid int) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(st.Uid) != os.Geteuid() {
		return nil // somebody else's, who knows what it is for
	}
	if int(st.Gid) != gid {
		if err := os.Lchown(folder, -1, gid); err != nil {
			return fmt.Errorf("give the folder to the group: %w", err)
		}
	}
	if err := os.Chmod(folder, info.Mode().Perm()|0o710); err != nil {
		return fmt.Errorf("open the folder to the group: %w", err)
	}
	return nil
}

// bind makes the socket. It is nobody else's until it is the group's.
func bind(ctx context.Context, path string, gid int) (*net.UnixListener, error) {
	if err := clearStale(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		// The file gets the mode of the socket (unix_bind in the kernel).
		if e := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); e != nil {
			return e
		}
		return err
	}}
	made, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, cause(err)
	}
	l := made.(*net.UnixListener)
	if err := os.Lchown(path, -1, gid); err != nil {
		return nil, errors.Join(fmt.Errorf("give it to group %d: %w", gid, cause(err)), l.Close())
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("set mode: %w", cause(err)), l.Close())
	}
	return l, nil
}

// clearStale removes a socket on which nobody answers.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return cause(err)
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is something of that name that is no socket; remove it, or choose another path")
	}
	conn, err := net.DialTimeout("unix", path, probeTime)
	switch {
	case err == nil:
		return errors.Join(errors.New("another program listens on it"), conn.Close())
	case errors.Is(err, unix.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil // its server has just ended
	default:
		return fmt.Errorf("it cannot be told whether anybody listens on it: %w", cause(err))
	}
}

// cause is an error without the path, which is in the message already.
func cause(err error) error {
	var path *fs.PathError
	var op *net.OpError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &op):
		return op.Err
	default:
		return err
	}
}

type unixListener struct {
	*net.UnixListener
	gid  int
	lock *lockfile.Lock
}

// Accept returns a *Conn.
func (l *unixListener) Accept() (net.Conn, error) {
	c, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return newConn(c, l.gid), nil
}

// Close removes the socket.
func (l *unixListener) Close() error {
	err := l.UnixListener.Close()
	if l.lock != nil {
		err = errors.Join(err, l.lock.Release())
		l.lock = nil
	}
	return err
}
