package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/hullvm/hull/internal/follow"
)

// Options say which events Read reads.
type Options struct {
	// Since and Until bound the events' times, both included. A zero Since is the
	// oldest event there is or, for a follower, the present.
	Since, Until time.Time
	// Follow goes on with what happens from now on: up to Until, where that is set.
	Follow bool
	// Filters are what events have to match, every key of them: "event" one of
	// some actions, "instance" one of some names or beginnings of ids, "image" one
	// of some, "label" all of KEY or KEY=VALUE.
	Filters map[string][]string
}

// Read reads the journal at path, the oldest event first. A journal that is not
// there is empty; its directory has to be there.
//
// A line that is no event is an error that says where it is, and reading goes on
// ([GoesOn]). Any other error is the last: also that of ctx, when it ends.
func Read(ctx context.Context, path string, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := checkFilters(o.Filters); err != nil {
			yield(Event{}, fmt.Errorf("journal %q: %w", path, err))
			return
		}
		tail := -1
		if o.Follow && o.Since.IsZero() {
			tail = 0
		}
		for l, err := range follow.Lines(ctx, path, follow.Options{Follow: o.Follow, Tail: tail, Until: o.Until}) {
			var e Event
			if err == nil {
				if e, err = decode(l.Text); err != nil {
					err = &follow.BadLineError{Path: l.Path, Offset: l.Offset, Err: err}
				}
			}
			switch {
			case err != nil:
				if !yield(Event{}, err) {
					return
				}
			case e.Time.Before(o.Since):
			case !o.Until.IsZero() && e.Time.After(o.Until):
				if o.Follow {
					return
				}
			case matches(&e, o.Filters):
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// GoesOn says whether reading goes on after an error of Read.
func GoesOn(err error) bool {
	var bad *follow.BadLineError
	return errors.As(err, &bad) || errors.Is(err, follow.ErrGap)
}
