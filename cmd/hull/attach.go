package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/internal/terminal"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

type attachOptions struct {
	noStdin, sigProxy bool

	detachKeys string
}

func newAttachCommand(a *app) *cobra.Command {
	var o attachOptions
	cmd := &cobra.Command{
		Use:     "attach REF",
		Aliases: []string{"console"},
		Short:   "Join the console of a running instance",
		Long: `Join the console of a running instance, and end with its exit status.

On a terminal every key goes to the guest, but for the keys of --detach-keys, Ctrl-p
Ctrl-q by themselves: they leave, and the instance goes on. A Ctrl-p that nothing
follows goes to the guest after half a second. A signal that ends hull leaves too.

Where standard input is no terminal, its bytes go to the guest as they are, its end
means nothing, and the signals that hull gets go to the guest's main process
(--sig-proxy). A second SIGINT, SIGTERM, SIGHUP or SIGQUIT leaves where the first
has not got through.`,
		Example:           "  hull attach web\n  hull console --detach-keys ctrl-] web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRefs(a, 1, runningInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := o.keys()
			if err != nil {
				return refusal(err)
			}
			return refusal(runAttach(cmd.Context(), a, &o, keys, args[0]))
		},
	}
	o.register(cmd)
	return cmd
}

func (o *attachOptions) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.noStdin, "no-stdin", false, "only listen")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "hand the signals that hull gets without a terminal to the guest's main process")
	addDetachKeys(cmd, &o.detachKeys)
}

// keys are the ones that leave.
func (o *attachOptions) keys() ([]byte, error) {
	keys, err := terminal.ParseDetachKeys(o.detachKeys)
	if err != nil {
		return nil, fmt.Errorf("--detach-keys: %w", err)
	}
	return keys, nil
}

func runAttach(ctx context.Context, a *app, o *attachOptions, keys []byte, ref string) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	d, err := engine.Inspect(ctx, ref)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := awaitEnd(ctx, engine, d.ID) // whatever it is called by then
	console, err := engine.Attach(ctx, ref, manager.AttachOptions{Input: !o.noStdin})
	if err != nil {
		return err
	}
	s := &consoleClient{app: a, engine: engine, ref: ref, name: d.Name, console: console, ended: ended}
	return s.run(ctx, o, keys)
}

// instanceEnd is how an instance ended.
type instanceEnd struct {
	exit instance.Exit
	err  error
}

// awaitEnd begins to wait for an instance's end: before anything else, for one that
// removes itself says it but once.
func awaitEnd(ctx context.Context, engine manager.Engine, id string) <-chan instanceEnd {
	ended := make(chan instanceEnd, 1)
	go func() {
		exit, err := engine.Wait(ctx, id)
		ended <- instanceEnd{exit, err}
	}()
	return ended
}

// consoleClient joins hull's terminal to an instance's console.
type consoleClient struct {
	*app
	engine    manager.Engine
	ref, name string
	console   manager.Console
	ended     <-chan instanceEnd
}

// endTime bounds how long an instance takes to end whose console has.
const endTime = 10 * time.Second

func (c *consoleClient) run(ctx context.Context, o *attachOptions, keys []byte) error {
	var k *keyboard
	var detached <-chan struct{} // none for nil
	onTerminal := false
	if !o.noStdin && c.Stdin != nil {
		var err error
		if k, err = openKeyboard(c.Stdin, true, keys); err != nil {
			return errors.Join(err, c.console.Close())
		}
		onTerminal, detached = k.terminal, k.detach.Detached()
		if err := k.begin(ctx, c.console.Resize); err != nil {
			return errors.Join(err, c.console.Close(), k.close())
		}
		go func() { _, _ = io.Copy(c.console, k) }() // it ends with either
	}
	var send func(syscall.Signal) error
	if o.sigProxy && !onTerminal {
		send = func(s syscall.Signal) error { return c.engine.Kill(ctx, c.ref, s) }
	}
	left, stop := watchSignals(send, c.Stderr)
	defer stop()
	heard := make(chan error, 1)
	go func() {
		_, err := io.Copy(c.Stdout, c.console)
		heard <- err
	}()
	var err error
	var over, byKeys bool
	select {
	case err = <-heard:
		over = err == nil
	case <-detached:
		byKeys = true
	case s := <-left:
		err = &exitError{code: exitSignalBase + int(s)}
	}
	// The terminal is itself again before anything is said on it.
	_ = c.console.Close() // which ends both copies
	if k != nil {
		if e := k.close(); err == nil {
			err = e
		}
	}
	switch {
	case err != nil:
		return err
	case over:
		return c.status(ctx)
	case byKeys:
		fmt.Fprintf(c.Stderr, "\nhull: instance %q goes on; hull attach joins it again\n", c.name)
	}
	return nil
}

// status is hull's own, by the instance's end.
func (c *consoleClient) status(ctx context.Context) error {
	select {
	case e := <-c.ended:
		return endStatus(c.app, c.name, e)
	case <-c.after(endTime):
		return fmt.Errorf("instance %q: attach: its console let go of a listener that was too slow, and the instance goes on; attach again", c.name)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// endStatus says on stderr how an instance ended that did not turn itself off, and
// chooses hull's status.
func endStatus(a *app, name string, e instanceEnd) error {
	if e.err != nil {
		return e.err
	}
	if e.exit.Reason != instance.PowerOff {
		fmt.Fprintf(a.Stderr, "hull: instance %q ended: %v\n", name, e.exit)
	}
	if e.exit.Code != 0 {
		return &exitError{code: e.exit.Code}
	}
	return nil
}
