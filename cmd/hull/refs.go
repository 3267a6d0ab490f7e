package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// atOnce is how many instances or snapshots a command has in hand at the same time.
const atOnce = 16

// eachRef does something to each of several instances.
func (a *app) eachRef(ctx context.Context, refs []string, do func(context.Context, manager.Engine, string) (string, error)) error {
	engine, err := a.engine()
	if err != nil {
		return refusal(err)
	}
	return a.each(refs, explained, func(ref string) (string, error) { return do(ctx, engine, ref) })
}

// each does something to each of several things, and prints the lines that come of
// it in the order of their names. Where it fails with one it goes on with the
// others.
func (a *app) each(refs []string, explain func(error) error, do func(ref string) (string, error)) error {
	type result struct {
		line string
		err  error
	}
	results := make([]chan result, len(refs))
	for i := range refs {
		results[i] = make(chan result, 1)
	}
	go func() {
		slots := make(chan struct{}, atOnce)
		for i, ref := range refs {
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				line, err := do(ref)
				results[i] <- result{line, err}
			}()
		}
	}()
	failures := 0
	for _, done := range results {
		switch r := <-done; {
		case r.err != nil:
			failures++
			fmt.Fprintf(a.Stderr, "hull: %v\n", explain(r.err))
		case r.line != "":
			fmt.Fprintln(a.Stdout, r.line)
		}
	}
	if failures > 0 {
		return &exitError{code: exitRefused}
	}
	return nil
}

// echo is for what is done to an instance without a word but its ref.
func echo(do func(context.Context, manager.Engine, string) error) func(context.Context, manager.Engine, string) (string, error) {
	return func(ctx context.Context, e manager.Engine, ref string) (string, error) {
		return ref, do(ctx, e, ref)
	}
}

// explained says what to do about a failure that does not say it itself.
func explained(err error) error {
	return withHint(err, instance.KindNotFound, "hull ps -a lists all there are")
}

// withHint adds what to do about a failure, if it is of a kind.
func withHint(err error, kind instance.Kind, hint string) error {
	if instance.KindOf(err) == kind {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

// completeRefs completes the names of the instances that match.
func completeRefs(a *app, most int, match func(*manager.Summary) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return instanceNames(cmd.Context(), a, args, match), cobra.ShellCompDirectiveNoFileComp
	}
}

// instanceNames are the names of instances that match and are none of given.
func instanceNames(ctx context.Context, a *app, given []string, match func(*manager.Summary) bool) []cobra.Completion {
	engine, err := a.engine()
	if err != nil {
		cobra.CompDebugln(err.Error(), false)
		return nil
	}
	list, err := engine.List(ctx, manager.ListOptions{All: true})
	if err != nil {
		cobra.CompDebugln(err.Error(), false)
		return nil
	}
	seen := make(map[string]bool)
	for _, ref := range given {
		seen[ref] = true
	}
	var names []cobra.Completion
	for i := range list {
		s := &list[i]
		if s.Name == "" || seen[s.Name] || !match(s) {
			continue
		}
		names = append(names, cobra.CompletionWithDesc(s.Name, stateWord(s)+", "+printable(s.Kernel)))
	}
	return names
}

// What instances a command is for.
func anyInstance(*manager.Summary) bool       { return true }
func liveInstance(s *manager.Summary) bool    { return s.State.Status.Live() || s.State.Restarting }
func runningInstance(s *manager.Summary) bool { return s.State.Status == instance.Running }
func pausedInstance(s *manager.Summary) bool  { return s.State.Status == instance.Paused }
func idleInstance(s *manager.Summary) bool    { return !liveInstance(s) }
