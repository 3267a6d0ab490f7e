// Package spawn starts hull-netd, a user-mode network, with a socket for the
// guest's network device and as much confinement as there is to have.
package spawn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/namespaces"
)

// Port is a port of the host that leads to one of the guest.
type Port struct {
	Protocol string // tcp or udp
	Host     netip.AddrPort
	Guest    uint16
}

func (p Port) String() string {
	return fmt.Sprintf("%v leads to port %d/%s", p.Host, p.Guest, p.Protocol)
}

// Config says what the network is like.
type Config struct {
	Program  string // path of hull-netd
	MTU      int    // bytes; 0 for the network's choice
	GuestMAC string

	// HostLoopback lets the guest reach what listens on the host (package netd).
	HostLoopback bool

	// Publish are ports to open. Port 0 of the host stands for any that is free.
	Publish []Port

	Unconfined bool // serve although there is not enough to confine the process

	Stderr io.Writer // nil for nowhere
}

// Server is a network that was started.
type Server struct {
	// Socket is the device's end, which carries an Ethernet frame in each message
	// and does not block. It is the caller's: closing it ends the network.
	Socket *os.File

	// Process is the network. It is the caller's to wait for.
	Process *exec.Cmd

	// Published are the ports of Config.Publish as they were opened.
	Published []Port

	// Confinement says what holds the process, and what of that is missing.
	Confinement string
}

// startTime is how long the process may take to say that it is ready.
const startTime = 30 * time.Second

// bufferSize is what the socket's ends may hold of frames, in bytes: some
// milliseconds at the speed of a fast disk.
const bufferSize = 4 << 20

// firstFD is the descriptor that the first of exec.Cmd's ExtraFiles becomes: the
// socket, then the pipe to say ready on, then what is published.
const firstFD = 3

// Start starts a network and returns when it is ready. Where ctx ends before that,
// or there is any other error, nothing is left of it.
func Start(ctx context.Context, c Config) (*Server, error) {
	s, err := start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("user-mode network: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, c Config) (_ *Server, err error) {
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	ours, socket, err := frameSockets()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			ours.Close()
		}
	}()
	theirs = append(theirs, socket)
	ready, readyW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	theirs = append(theirs, readyW)
	s := &Server{Socket: ours}
	args := c.arguments()
	for _, p := range c.Publish {
		f, at, err := open(p)
		if err != nil {
			return nil, fmt.Errorf("publish %v: %w", p.Host, err)
		}
		args = append(args, "-"+p.Protocol, fmt.Sprintf("%d=%d", firstFD+len(theirs), p.Guest))
		theirs = append(theirs, f)
		p.Host = at
		s.Published = append(s.Published, p)
	}
	const own = unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	s.Process, err = namespaces.Start(own, func(attr *syscall.SysProcAttr) *exec.Cmd {
		cmd := exec.Command(c.Program, args...)
		if attr != nil {
			cmd.Args = append(cmd.Args, "-namespaced")
		}
		cmd.Env = []string{} // nothing of the caller's
		cmd.Dir = "/"
		cmd.Stderr = c.Stderr
		cmd.ExtraFiles = theirs
		cmd.SysProcAttr = attr
		return cmd
	})
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	readyW.Close()
	if s.Confinement, err = awaitReady(ctx, ready); err != nil {
		_ = s.Process.Process.Kill()
		_ = s.Process.Wait()
		return nil, err
	}
	return s, nil
}

func (c Config) arguments() []string {
	args := []string{"-mac", c.GuestMAC, "-mtu", strconv.Itoa(c.MTU)}
	if c.HostLoopback {
		args = append(args, "-host-loopback")
	}
	if c.Unconfined {
		args = append(args, "-unconfined")
	}
	return args
}

// frameSockets are two ends that keep messages apart.
func frameSockets() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	for _, fd := range fds {
		// As much as an ordinary user may have; less is slower, and no error.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, bufferSize)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferSize)
	}
	return os.NewFile(uintptr(fds[0]), "user-mode network"), os.NewFile(uintptr(fds[1]), "network device"), nil
}

// Words of the line that the process writes when it serves, or does not.
const (
	isReady = "ready: "
	failed  = "failed: "
)

// maxLine is the longest such line, in bytes.
const maxLine = 4096

// awaitReady reads the process's one line, and returns what holds it.
func awaitReady(ctx context.Context, ready *os.File) (string, error) {
	_ = ready.SetReadDeadline(time.Now().Add(startTime))
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(io.LimitReader(ready, maxLine)).ReadString('\n')
	line = strings.TrimSuffix(line, "\n")
	confinement, isServing := strings.CutPrefix(line, isReady)
	reason, isFailure := strings.CutPrefix(line, failed)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", fmt.Errorf("it is not ready after %v", startTime)
	case err != nil:
		return "", errors.New("it ended before it was ready")
	case isFailure:
		return "", errors.New(reason)
	case !isServing:
		return "", fmt.Errorf("it says %q", line)
	}
	return confinement, nil
}
