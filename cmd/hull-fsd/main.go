// Command hull-fsd serves one directory to one guest: it answers the FUSE
// requests of a virtio-fs device over a socket (package fsd), in a jail that has
// that directory alone in it (package fsd/jail).
//
// It is started by package fsd/spawn, and its arguments are between the two:
// exit codes are 0 when the device closed the socket, 1 for an error, 2 for
// arguments that make no sense.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd"
	"github.com/hullvm/hull/fsd/jail"
	"github.com/hullvm/hull/fsd/passthrough"
)

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "hull-fsd: %v\n", err)
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintf(os.Stderr, "hull-fsd: %v\n", err)
		os.Exit(1)
	}
}

// options are the command's arguments.
type options struct {
	socket, dir int // descriptors

	namespaced bool
	unconfined bool
	workers    int
	inFlight   int
	fs         passthrough.Options
}

func parse(args []string, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("hull-fsd", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&o.socket, "fd", -1, "descriptor of the `socket` to the device")
	flags.IntVar(&o.dir, "dir", -1, "`descriptor` of the directory to share")
	flags.BoolVar(&o.fs.ReadOnly, "readonly", false, "change nothing, whatever the guest asks")
	flags.BoolVar(&o.fs.Xattr, "xattr", false, "serve extended attributes of users")
	flags.BoolVar(&o.fs.Submounts, "submounts", false, "show what is mounted beneath the directory")
	flags.BoolVar(&o.namespaced, "namespaced", false, "the process has started itself again in namespaces of its own")
	flags.BoolVar(&o.unconfined, "unconfined", false, "serve although there is not enough to confine the process")
	flags.IntVar(&o.workers, "workers", 16, "requests done at once")
	flags.IntVar(&o.inFlight, "in-flight", 128, "requests taken at once")
	flags.IntVar(&o.fs.MaxOpen, "max-open", 0, "descriptors for the guest; 0 for all that the process may have")
	flags.Func("cache", "what the guest may remember: `auto`, none or always", func(v string) (err error) {
		o.fs.Cache, err = passthrough.ParseCache(v)
		return err
	})
	flags.Func("owner", "show the server's own user and group as `UID:GID`", func(v string) (err error) {
		o.fs.Owner, err = parseOwner(v)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("argument %q: want none", flags.Arg(0))
	case o.socket < 0 || o.dir < 0:
		return o, errors.New("-fd and -dir are needed: descriptors of the socket and of the directory")
	case o.socket == o.dir:
		return o, fmt.Errorf("descriptor %d: cannot be both the socket and the directory", o.dir)
	}
	return o, nil
}

func parseOwner(v string) (*passthrough.Owner, error) {
	u, g, ok := strings.Cut(v, ":")
	uid, uidErr := strconv.ParseUint(u, 10, 32)
	gid, gidErr := strconv.ParseUint(g, 10, 32)
	if !ok || uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("%q: want UID:GID", v)
	}
	return &passthrough.Owner{UID: uint32(uid), GID: uint32(gid)}, nil
}

func run(o options) error {
	if !o.namespaced {
		if err := keepOnly(o.socket, o.dir); err != nil {
			return err
		}
		// Where it is allowed, this does not return.
		err := jail.Unshare(o.dir, append(append([]string(nil), os.Args...), "-namespaced"))
		if !errors.Is(err, jail.ErrNoNamespaces) {
			return err
		}
	}
	for _, fd := range []int{o.socket, o.dir} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	if err := unix.SetNonblock(o.socket, true); err != nil {
		return fmt.Errorf("descriptor %d: %w", o.socket, err)
	}
	conn := os.NewFile(uintptr(o.socket), "socket")
	j, err := jail.Enter(jail.Options{
		Root: o.dir, ReadOnly: o.fs.ReadOnly, Submounts: o.fs.Submounts, Namespaced: o.namespaced,
	})
	if err != nil && !(o.unconfined && errors.Is(err, jail.ErrWeak)) {
		return err
	}
	o.fs.Root, o.fs.Proc, o.fs.MaxInFlight = j.Root, j.Proc, o.inFlight
	fs, err := passthrough.New(o.fs)
	if err != nil {
		return err
	}
	return fsd.Serve(conn, fs, fsd.Options{
		Workers: o.workers, MaxInFlight: o.inFlight,
		Confinement: j.Confinement, Text: strings.Join(j.Missing, "; "),
	})
}

// keepOnly lets only these descriptors, and the first three, survive the start of
// this program in its own namespaces.
func keepOnly(fds ...int) error {
	if err := unix.CloseRange(3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	return nil
}
