package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/httpapi"
	"github.com/hullvm/hull/manager/instance"
)

// interruption is a signal that has ended what hull did.
type interruption struct{ signal syscall.Signal }

func (i *interruption) Error() string {
	return fmt.Sprintf("interrupted by %s", unix.SignalName(i.signal))
}

// interruptible ends a context by a signal, whose cause is an *interruption then.
func (a *app) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	left, stop := watchSignals(nil, a.Stderr)
	go func() {
		select {
		case s := <-left:
			cancel(&interruption{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		stop()
	}
}

// move moves an instance, shows how far that is, and says what became of it.
func (a *app) move(ctx context.Context, engine manager.Engine, o *migrateOptions, f *format, ref string) error {
	ctx, stop := a.interruptible(ctx)
	defer stop()
	bar, lines := a.moveBar(ref), a.moveLines()
	begun := false
	o.Progress = func(p manager.MigrationProgress) {
		begun = true
		if f != nil && f.json {
			lines.write(httpapi.MigrateLine{Progress: &p})
			return
		}
		bar.moved(p)
	}
	report, err := engine.Migrate(ctx, ref, o.MigrateOptions)
	bar.clear()
	var signal *interruption
	interrupted := errors.As(context.Cause(ctx), &signal)
	if err == nil {
		return a.showReport(f, report, lines)
	}
	if f != nil && f.json {
		lines.write(httpapi.MigrateLine{Error: &httpapi.Failure{Kind: instance.KindOf(err), Message: err.Error()}})
	}
	if errors.Is(err, context.Canceled) && interrupted {
		err = fmt.Errorf("instance %q: migrate: %w", ref, signal)
	}
	if begun || interrupted {
		err = a.becameOf(engine, ref, err)
	}
	if interrupted {
		return &exitError{code: exitSignalBase + int(signal.signal), err: err}
	}
	return err
}

// lookTime bounds how long an instance may take to say what became of it.
const lookTime = 10 * time.Second

// becameOf adds to a failed move where the machine is now.
func (a *app) becameOf(engine manager.Engine, ref string, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	d, lookErr := engine.Inspect(ctx, ref)
	what := ""
	switch {
	case instance.KindOf(lookErr) == instance.KindNotFound:
		return fmt.Errorf("%w; the instance is not here any more", err)
	case lookErr != nil:
		return err
	case d.State.Status == instance.Running:
		what = "the guest goes on here"
	case d.State.Status == instance.Paused:
		what = "the guest is here, and paused"
	case d.State.Status == instance.HandedOver:
		what = "the machine was handed over to " + peerText(&d.State) + ", which has not said that it runs; " + resolveHint(d.Name)
	default:
		what = "the instance is here, and " + string(d.State.Status)
	}
	return fmt.Errorf("%w; %s", err, what)
}

// peerText is the host that an instance was handed over to.
func peerText(st *instance.State) string {
	if st.Migration == nil || st.Migration.Peer == "" {
		return "another host"
	}
	return printable(st.Migration.Peer)
}

// resolveHint says how a doubt is ended: by one of two commands.
func resolveHint(name string) string {
	return fmt.Sprintf(`look there, and when it is sure:
  hull migrate --resolve source %[1]s   it does not run there, and never will: it goes on here
  hull migrate --resolve target %[1]s   it runs there: it is forgotten here`, name)
}

// showReport writes what a move took.
func (a *app) showReport(f *format, r *manager.MigrationReport, lines *moveLines) error {
	switch {
	case f == nil:
		_, err := fmt.Fprint(a.Stdout, reportText(r))
		return err
	case f.json:
		lines.write(httpapi.MigrateLine{Report: r})
		return lines.err
	default:
		return printRows(a.Stdout, f, nil, []*manager.MigrationReport{r})
	}
}

// tameError is a failure whose text may be another host's.
type tameError struct{ error }

func (h tameError) Error() string {
	lines := strings.Split(h.error.Error(), "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (h tameError) Unwrap() error { return h.error }

// tame takes out of a failure's text what a terminal would obey. A status stays
// what it is.
func tame(err error) error {
	var exit *exitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		if exit.err != nil {
			exit.err = tameError{exit.err}
		}
		return exit
	default:
		return tameError{err}
	}
}
