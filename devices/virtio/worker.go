package virtio

import "sync"

// Worker is the goroutine that serves one queue: it sleeps until the driver
// notifies, and serves until there is nothing left.
//
//	running ──Pause──> parked ──Resume──> running
//	   └──────Stop──────┴──> stopped
type Worker struct {
	queue  *Queue
	kicks  *Kicks
	serve  func() error
	broken func(error)
	done   chan struct{}

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	want    workerState
	parked  bool
}

type workerState int

const (
	workerRunning workerState = iota
	workerParked
	workerStopped
)

// StartWorker starts a worker. serve takes and answers all the requests that q
// has; the driver's notifications are off meanwhile. An error of serve, or of
// the queue, is handed to broken, and the worker does nothing more.
func StartWorker(q *Queue, serve func() error, broken func(error)) (*Worker, error) {
	kicks, err := NewKicks(q)
	if err != nil {
		return nil, err
	}
	w := &Worker{queue: q, kicks: kicks, serve: serve, broken: broken, done: make(chan struct{})}
	w.changed.L = &w.mu
	go w.loop()
	return w, nil
}

// Pause returns when serve does not run, and will not until Resume.
func (w *Worker) Pause() { w.ask(workerParked) }

// Resume lets the worker go on, with a look at the queue first.
func (w *Worker) Resume() { w.ask(workerRunning) }

// Stop ends the worker's goroutine and waits for its end.
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
	if want == workerRunning {
		w.kicks.Rearm()
	} else {
		w.kicks.Interrupt()
	}
	w.changed.Broadcast()
	for want == workerParked && !w.parked && w.want == workerParked {
		w.changed.Wait()
	}
}

// park waits while the worker is not to run, and reports whether it is to go on.
func (w *Worker) park() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.want == workerParked {
		w.parked = true
		w.changed.Broadcast()
		w.changed.Wait()
	}
	w.parked = false
	return w.want == workerRunning
}

func (w *Worker) loop() {
	defer close(w.done)
	defer w.kicks.Close()
	for w.park() {
		if err := w.round(); err != nil {
			w.broken(err)
			w.idle()
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
	if err := w.kicks.Wait(); err != nil && err != ErrInterrupted {
		return err
	}
	return nil
}

// idle stays parked until Stop.
func (w *Worker) idle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parked = true
	w.changed.Broadcast()
	for w.want != workerStopped {
		w.changed.Wait()
	}
}
