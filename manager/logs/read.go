package logs

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/internal/follow"
)

// Options say what Read reads.
type Options struct {
	// Follow goes on with what is written from now on.
	Follow bool
	// Since and Until bound the records' times, both included. Zero: no bound.
	Since, Until time.Time
	// Tail is how many records there are to be from the end of what is there,
	// before those are left out that Since and Until leave out; all where it is
	// negative.
	Tail int
	// Done, when closed, makes a follower read to the end and stop. It is closed
	// once the instance has ended, and may be nil.
	Done <-chan struct{}
}

// Read reads the log in a directory, the oldest record first. Records are the
// caller's to keep. A directory in which nothing was logged has an empty log.
//
// A line that is no record is an error that says where it is, a
// [*BadLineError], and reading goes on; so it does after [ErrGap],
// for a follower that was too slow. Any other error is the last: also that of
// ctx, when it ends.
func Read(ctx context.Context, dir string, o Options) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := follow.Lines(ctx, filepath.Join(dir, fileName), follow.Options{
			Follow: o.Follow, Tail: o.Tail, Done: o.Done, Until: o.Until,
		})
		for l, err := range lines {
			var r Record
			if err == nil {
				if r, err = parseRecord(l.Text); err != nil {
					err = &BadLineError{Path: l.Path, Offset: l.Offset, Err: err}
				}
			}
			switch {
			case err != nil:
				if !yield(Record{}, err) {
					return
				}
			case r.Time.Before(o.Since):
			case !o.Until.IsZero() && r.Time.After(o.Until):
				if o.Follow {
					return
				}
			default:
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// BadLineError says where a line is that is no record.
type BadLineError = follow.BadLineError

// ErrGap says that a log was rotated faster than its follower read it.
var ErrGap = follow.ErrGap

// GoesOn says whether reading goes on after an error of Read.
func GoesOn(err error) bool {
	var bad *BadLineError
	return errors.As(err, &bad) || errors.Is(err, ErrGap)
}
