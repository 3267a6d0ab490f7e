package measure

import (
	"bytes"
	"sync"
)

// Watcher looks for a text in what is written to it.
type Watcher struct {
	want []byte
	seen chan struct{}
	once sync.Once
	tail []byte
}

// NewWatcher makes a watcher for a text.
func NewWatcher(text string) *Watcher {
	return &Watcher{want: []byte(text), seen: make(chan struct{})}
}

// Seen is closed when the text was written.
func (w *Watcher) Seen() <-chan struct{} { return w.seen }

func (w *Watcher) Write(p []byte) (int, error) {
	w.tail = append(w.tail, p...)
	if bytes.Contains(w.tail, w.want) {
		w.once.Do(func() { close(w.seen) })
	}
	if keep := len(w.want); len(w.tail) > keep {
		w.tail = append(w.tail[:0], w.tail[len(w.tail)-keep:]...)
	}
	return len(p), nil
}
