package virtio

import (
	"errors"
	"sync"
)

// Worker is the goroutine that serves one queue: it sleeps until the driver
// notifies, and serves until there is nothing left.
//
//	            Pause             Resume
//	running ─────────────> parked ──────> running     either may be the first
//	   │  serve or queue      │
//	   │  gave an error       │
//	   ├──────────────> failed, which Resume does not change
//	   └──────── Stop ────────┴──> stopped
//
// While it is to be parked or stopped, its queue gives no requests: a serve that
// is under way ends after the one it has, even where the driver adds more
// without end.
//
// Pause, Resume and Stop may be called from any goroutine but the worker's own:
// serve and broken must not call them.
type Worker struct {
	queue  *Queue
	kicks  *Kicks
	serve  func() error
	broken func(error)
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	want    workerState
	parked  bool // the goroutine waits for want to change
}

// workerState is what a worker is to do.
type workerState int

const (
	workerRunning workerState = iota
	workerParked
	workerStopped // for good
)

// StartWorker starts a worker. serve takes and answers all the requests that q
// has; the driver's notifications are off meanwhile. An error of serve, or of
// the queue, is handed to broken once, and serve is not called again. On a queue
// that is held (Queue.Hold) the worker begins parked.
func StartWorker(q *Queue, serve func() error, broken func(error)) (*Worker, error) {
	kicks, err := NewKicks(q)
	if err != nil {
		return nil, err
	}
	w := &Worker{queue: q, kicks: kicks, serve: serve, broken: broken, done: make(chan struct{})}
	w.changed.L = &w.mu
	if q.start() {
		w.want = workerParked
	}
	go w.loop()
	return w, nil
}

// Pause returns when neither serve nor broken runs, and they will not until
// Resume.
func (w *Worker) Pause() {
	w.ask(workerParked)
	w.mu.Lock()
	for w.want == workerParked && !w.parked {
		w.changed.Wait()
	}
	stopped := w.want == workerStopped
	w.mu.Unlock()
	if stopped { // by somebody else, meanwhile or before
		<-w.done
	}
}

// Resume lets the worker go on, with a look at the queue first.
func (w *Worker) Resume() { w.ask(workerRunning) }

// Stop ends the worker's goroutine and waits for its end. The queue gives no
// requests any more, until another worker is started on it.
func (w *Worker) Stop() {
	w.ask(workerStopped)
	<-w.done
}

func (w *Worker) ask(want workerState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.want == workerStopped {
		return
	}
	w.want = want
	w.queue.hold(want != workerRunning)
	if want == workerRunning {
		w.kicks.Rearm()
	} else {
		w.kicks.Interrupt()
	}
	w.changed.Broadcast()
}

// waitFor waits while the worker is to be in a state that hold is true of, and
// returns the state that it is to be in then.
func (w *Worker) waitFor(hold func(workerState) bool) workerState {
	w.mu.Lock()
	defer w.mu.Unlock()
	for hold(w.want) {
		w.parked = true
		w.changed.Broadcast()
		w.changed.Wait()
	}
	w.parked = false
	return w.want
}

func (w *Worker) loop() {
	defer close(w.done)
	defer w.kicks.Close()
	for w.waitFor(func(s workerState) bool { return s == workerParked }) == workerRunning {
		if err := w.round(); err != nil {
			w.broken(err)
			w.waitFor(func(s workerState) bool { return s != workerStopped })
			return
		}
	}
}

// round serves what there is and waits for more. It returns nil as well when the
// worker was interrupted.
func (w *Worker) round() error {
	if err := w.queue.KicksOff(); err != nil {
		return err
	}
	if err := w.serve(); err != nil {
		return err
	}
	more, err := w.queue.KicksOn()
	if more || err != nil {
		return err
	}
	if err := w.kicks.Wait(); err != nil && !errors.Is(err, ErrInterrupted) {
		return err
	}
	return nil
}
