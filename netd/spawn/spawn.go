// Package spawn starts hull-netd, a user-mode network, with a socket for the
// guest's network device.
package spawn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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

	// HostLoopback lets the guest reach the host's loopback (package netd).
	HostLoopback bool

	// Publish are ports to open. Port 0 of the host stands for any that is free,
	// with TCP.
	Publish []Port

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
}

// startTime is how long the process may take to say that it is ready.
const startTime = 30 * time.Second

// bufferSize is what the socket's ends may hold of frames, in bytes: some
// milliseconds at the speed of a fast disk.
const bufferSize = 4 << 20

// firstFD is the descriptor that the first of exec.Cmd's ExtraFiles becomes: the
// socket, then the pipe to say ready on, then listeners.
const firstFD = 3

// Start starts a network and returns when it is ready.
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
	theirs = append(theirs, socket)
	ready, readyW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	defer ready.Close()
	theirs = append(theirs, readyW)
	s := &Server{Socket: ours}
	args := []string{"-mac", c.GuestMAC, "-mtu", strconv.Itoa(c.MTU)}
	if c.HostLoopback {
		args = append(args, "-host-loopback")
	}
	for _, p := range c.Publish {
		if p.Protocol == "udp" {
			args = append(args, "-udp", fmt.Sprintf("%v=%d", p.Host, p.Guest))
			s.Published = append(s.Published, p)
			continue
		}
		f, at, err := listen(p.Host)
		if err != nil {
			return nil, errors.Join(err, ours.Close())
		}
		args = append(args, "-tcp", fmt.Sprintf("%d=%d", firstFD+len(theirs), p.Guest))
		theirs = append(theirs, f)
		p.Host = at
		s.Published = append(s.Published, p)
	}
	cmd := exec.Command(c.Program, args...)
	cmd.Env = []string{} // nothing of the caller's
	cmd.Dir = "/"
	cmd.Stderr = c.Stderr
	cmd.ExtraFiles = theirs
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start: %w", err), ours.Close())
	}
	readyW.Close()
	if err := awaitReady(ctx, ready); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, errors.Join(err, ours.Close())
	}
	s.Process = cmd
	return s, nil
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

func listen(at netip.AddrPort) (*os.File, netip.AddrPort, error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, at, fmt.Errorf("publish %v: %w", at, cause(err))
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return nil, at, fmt.Errorf("publish %v: %w", at, err)
	}
	return f, l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// cause is an error of package net without the address, which the message has.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// awaitReady reads the process's one line: empty, or what went wrong.
func awaitReady(ctx context.Context, ready *os.File) error {
	_ = ready.SetReadDeadline(time.Now().Add(startTime))
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(io.LimitReader(ready, 4096)).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("it ended before it was ready: %w", err)
	case line != "\n":
		return errors.New(strings.TrimSuffix(line, "\n"))
	}
	return nil
}
