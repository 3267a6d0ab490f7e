// Command hull-netd is a user-mode network for one guest (package netd), in a
// jail that has the host's network alone (package netd/jail).
//
// It is started by package netd/spawn, and its arguments are between the two.
// Descriptor 3 is the network device's socket, 4 a pipe on which it says one line
// when it serves, or does not; sockets for published ports follow. Exit codes are
// 0 when the device closed the socket, or for SIGTERM; 1 for an error; 2 for
// arguments that make no sense.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/netd"
	"github.com/hullvm/hull/netd/jail"
)

// Descriptors that the parent hands over.
const (
	socketFD = 3
	readyFD  = 4
)

// Memory in bytes: what the process asks the garbage collector to keep to, and at
// what the kernel gives it no more, which ends it. The first leaves room for what
// a guest can have at most (package netd); the second is for what was overlooked.
const (
	softMemory = 512 << 20
	hardMemory = 2 << 30
)

// gcPercent has a small heap grow to some 16 MiB between collections, which takes
// a twelfth off the time that a stream takes.
const gcPercent = 400

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	code := 2
	if err == nil {
		code = 1
		err = run(o)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "hull-netd: %v\n", err)
		os.Exit(code)
	}
}

// run serves the network until the guest's end of the socket is closed.
func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	signal.Ignore(unix.SIGINT, unix.SIGHUP) // a terminal's are the parent's
	debug.SetMemoryLimit(softMemory)
	debug.SetGCPercent(gcPercent)
	socket, ready := os.NewFile(socketFD, "network device"), os.NewFile(readyFD, "ready")
	network, confinement, err := prepare(o)
	if err != nil {
		say(ready, "failed", err.Error())
		return err
	}
	say(ready, "ready", confinement)
	return network.Serve(ctx, socket)
}

// prepare makes the network, and confines the process.
func prepare(o options) (*netd.Network, string, error) {
	for _, fd := range o.descriptors() {
		// They are no program's but this one's.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, "", fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	config, err := o.config()
	if err != nil {
		return nil, "", err
	}
	network, err := netd.New(config)
	if err != nil {
		return nil, "", err
	}
	c, err := jail.Enter(jail.Options{
		Namespaced: o.namespaced, Resolver: netd.ResolvConf, Files: netd.Descriptors, Memory: hardMemory,
	})
	if err != nil && !(o.unconfined && errors.Is(err, jail.ErrWeak)) {
		return nil, "", err
	}
	return network, c.String(), nil
}

// say writes the one line that the parent reads.
func say(ready io.WriteCloser, outcome, text string) {
	fmt.Fprintf(ready, "%s: %s\n", outcome, strings.ReplaceAll(text, "\n", "; "))
	ready.Close()
}
