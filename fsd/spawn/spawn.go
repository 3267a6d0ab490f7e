package spawn

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/namespaces"
)

// Config says what to serve and how. Its flags mean what those of hull-fsd do.
type Config struct {
	Program string   // path of hull-fsd
	Dir     *os.File // the directory, opened by the caller, who keeps it

	ReadOnly  bool
	Xattr     bool
	Submounts bool
	Cache     string // "" for auto
	Owner     string // "UID:GID", "" for what they are
	MaxOpen   int    // descriptors; 0 for as many as there may be

	Unconfined bool // serve although there is not enough to confine the process

	Stderr io.Writer // nil for nowhere
}

// Server is a file server that was started.
type Server struct {
	// Conn is the device's end of the socket, which does not block. It is the
	// caller's: closing it ends the server.
	Conn *os.File

	// Process is the server. It is the caller's to wait for.
	Process *exec.Cmd
}

// Descriptors as the server gets them.
const (
	socketFD = 3 + iota
	dirFD
)

// Start starts a server.
func Start(c Config) (*Server, error) {
	s, err := start(c)
	if err != nil {
		return nil, fmt.Errorf("file server of %q: %w", c.Dir.Name(), err)
	}
	return s, nil
}

func start(c Config) (*Server, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	for _, fd := range fds {
		enlarge(fd)
	}
	conn, theirs := os.NewFile(uintptr(fds[0]), "file server"), os.NewFile(uintptr(fds[1]), "device")
	defer theirs.Close()
	// The server makes the other namespaces itself.
	cmd, err := namespaces.Start(0, func(attr *syscall.SysProcAttr) *exec.Cmd { return c.command(theirs, attr) })
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("start: %w", err)
	}
	return &Server{Conn: conn, Process: cmd}, nil
}

// socketBuffer is how much a socket should hold, in bytes: a large read or write,
// so that it takes neither side many turns.
const socketBuffer = 2 << 20

// enlarge gives a socket that much, or as much as the host allows (net.core.wmem_max).
func enlarge(fd int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
	}
}

func (c Config) command(socket *os.File, attr *syscall.SysProcAttr) *exec.Cmd {
	args := []string{"-fd", strconv.Itoa(socketFD), "-dir", strconv.Itoa(dirFD)}
	for flag, on := range map[string]bool{
		"-readonly": c.ReadOnly, "-xattr": c.Xattr, "-submounts": c.Submounts, "-unconfined": c.Unconfined,
	} {
		if on {
			args = append(args, flag)
		}
	}
	for flag, value := range map[string]string{"-cache": c.Cache, "-owner": c.Owner} {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	if c.MaxOpen > 0 {
		args = append(args, "-max-open", strconv.Itoa(c.MaxOpen))
	}
	cmd := exec.Command(c.Program, args...)
	cmd.Env = []string{} // nothing of the caller's
	cmd.Dir = "/"
	cmd.Stderr = c.Stderr
	cmd.ExtraFiles = []*os.File{socket, c.Dir}
	cmd.SysProcAttr = attr
	return cmd
}
