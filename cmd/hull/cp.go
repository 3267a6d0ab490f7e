package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

type cpOptions struct{ owners, follow bool }

func newCpCommand(a *app) *cobra.Command {
	var o cpOptions
	cmd := &cobra.Command{
		Use:   "cp REF:PATH LOCAL|- | LOCAL|- REF:PATH",
		Short: "Copy files and folders between the host and a running guest",
		Long: `Copy files and folders between the host and a running guest.

A folder that is there gets the copy under its own name; with "/." behind the source
it gets what is in the source. A destination that is not there becomes the copy; the
folder around it has to be there. A path that ends in a slash has to be a folder's.
"-" is a tar archive, on standard output or input. A path of the guest is one from
its root, with a slash before it or without; a name of the host with a colon in it
is written as ./NAME.

Symbolic links are copied as what they are; -L follows the one that is named.
Permissions and times are kept. The copy in the guest is root's, that on the host
the caller's and without set-user-id bits; with -a both are kept, for which hull has
to be root.`,
		Example: `  hull cp web:/var/log/app.log .
  hull cp site/. web:/srv/www
  hull cp web:/etc - | tar t`,
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 1 || strings.ContainsAny(toComplete, "/:") {
				return nil, cobra.ShellCompDirectiveDefault
			}
			var names []cobra.Completion
			for _, name := range instanceNames(cmd.Context(), a, nil, runningInstance) {
				name, _, _ := strings.Cut(name, "\t")
				names = append(names, name+":/")
			}
			return names, cobra.ShellCompDirectiveNoSpace
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return refusal(runCp(cmd.Context(), a, o, args[0], args[1]))
		},
	}
	cmd.Flags().BoolVarP(&o.owners, "archive", "a", false, "keep owners, and set-user-id bits")
	cmd.Flags().BoolVarP(&o.follow, "follow-link", "L", false, "follow the link that the source is")
	return cmd
}

// place is one side of a copy: a path of a guest, or one of the host without ref.
type place struct{ ref, path string }

// stream is the path that stands for an archive on standard input or output.
const stream = "-"

func (p place) isStream() bool { return p.ref == "" && p.path == stream }

func (p place) String() string {
	if p.ref == "" {
		return p.path
	}
	return p.ref + ":" + p.path
}

// parsePlace reads REF:PATH, or a path of the host: one that begins with a slash or
// a dot, or has no colon.
func parsePlace(text string) (place, error) {
	ref, path, found := strings.Cut(text, ":")
	if !found || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") {
		if text == "" {
			return place{}, errors.New("an empty path is no place to copy from or to")
		}
		return place{path: text}, nil
	}
	switch {
	case ref == "":
		return place{}, fmt.Errorf("%q: there is no instance before the colon; write REF:PATH, or ./NAME for a name with a colon", text)
	case path == "":
		return place{}, fmt.Errorf("%q: there is no path behind the colon; write REF:PATH", text)
	case strings.ContainsRune(path, 0):
		return place{}, fmt.Errorf("%q: no path has a NUL byte", text)
	}
	return place{ref: ref, path: "/" + strings.TrimLeft(path, "/")}, nil
}

func runCp(ctx context.Context, a *app, o cpOptions, source, destination string) error {
	from, err := parsePlace(source)
	if err != nil {
		return err
	}
	to, err := parsePlace(destination)
	if err != nil {
		return err
	}
	switch {
	case from.ref == "" && to.ref == "":
		return fmt.Errorf("copy %q to %q: neither is a guest's; write one as REF:PATH", source, destination)
	case from.ref != "" && to.ref != "":
		return fmt.Errorf("copy %q to %q: both are guests'; copy to the host first, or pipe: hull cp %s - | hull cp - %s", source, destination, source, destination)
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	// An interrupt ends the copy in order: no half of a file is left.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	c := &copier{app: a, engine: engine, options: o, from: from, to: to}
	if from.ref != "" {
		return c.out(ctx)
	}
	return c.in(ctx)
}

// copier copies one file or folder.
type copier struct {
	*app
	engine   manager.Engine
	options  cpOptions
	from, to place
}

func (c *copier) fail(format string, args ...any) error {
	return fmt.Errorf("copy %q to %q: %w", c.from, c.to, fmt.Errorf(format, args...))
}

// piped has one end of an archive make what the other takes. Where both fail, the
// one that failed first is the cause of the other's failure.
func piped(write func(io.Writer) error, read func(io.Reader) error) error {
	r, w := io.Pipe()
	var readEnded atomic.Bool
	var writeFirst bool
	wrote := make(chan error, 1)
	go func() {
		err := write(w)
		writeFirst = !readEnded.Load()
		w.CloseWithError(err)
		wrote <- err
	}()
	err := read(r)
	if err == nil {
		// Behind an archive's end there may be more.
		_, err = io.Copy(io.Discard, r)
	}
	readEnded.Store(true)
	r.CloseWithError(io.ErrClosedPipe)
	if e := <-wrote; e != nil && (writeFirst || err == nil) {
		return e
	}
	return err
}
