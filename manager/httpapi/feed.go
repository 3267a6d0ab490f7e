package httpapi

import (
	"context"
	"net/http"
	"sync"
)

// maxFed is how many lines wait for a client that takes none.
const maxFed = 16

// feed writes lines in a goroutine of its own, so that who has them never waits for
// the client. Where too many wait, the newest takes the place of the one before it:
// what is lost is how something was on its way.
type feed struct {
	s      *Server
	w      http.ResponseWriter
	broken context.CancelCauseFunc // the client takes nothing more
	wake   chan struct{}
	done   chan struct{}

	out *lines // the writer's, and after end the owner's; nil before the first line

	mu    sync.Mutex // of what follows
	queue []any
	ended bool
}

// feedLines begins an answer with its first line. broken is called when the client
// is found to be gone; end has to be.
func (s *Server) feedLines(w http.ResponseWriter, broken context.CancelCauseFunc) *feed {
	f := &feed{s: s, w: w, broken: broken, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go f.run()
	return f
}

func (f *feed) put(line any) {
	f.mu.Lock()
	switch {
	case f.ended:
	case len(f.queue) == maxFed:
		f.queue[maxFed-1] = line
	default:
		f.queue = append(f.queue, line)
	}
	f.mu.Unlock()
	f.signal()
}

func (f *feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) run() {
	defer close(f.done)
	for range f.wake {
		f.mu.Lock()
		queue, ended := f.queue, f.ended
		f.queue = nil
		f.mu.Unlock()
		for _, line := range queue {
			if err := f.write(line); err != nil {
				f.broken(errVanished)
				return // who puts lines is told by its context
			}
		}
		if ended {
			return
		}
	}
}

func (f *feed) write(line any) error {
	if f.out == nil {
		f.out = f.s.lines(f.w, mediaLines)
	}
	return f.out.write(line)
}

// end has what was put written, and waits for that. What is put afterwards is
// nothing any more.
func (f *feed) end() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	f.signal()
	<-f.done
}

// finish writes the last line.
func (f *feed) finish(line any) {
	f.end()
	_ = f.write(line) // that the client is gone is no failure of what was done
}

// fail writes an error as the last line, or returns it where the answer has not begun.
func (f *feed) fail(ctx context.Context, err error, line func(Failure) any) error {
	f.end()
	if f.out == nil {
		return err
	}
	_ = f.out.write(line(failureOf(ctx, err)))
	return nil
}
