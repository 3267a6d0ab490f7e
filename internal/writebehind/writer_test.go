package writebehind

import (
	"bytes"
	"io"
	"sync"
	"testing"
	"time"
)

// gate is a writer that waits while it is shut.
type gate struct {
	begun chan struct{} // gets a value for each write, where it has room
	shut  sync.Mutex
	mu    sync.Mutex // guards what follows
	buf   bytes.Buffer
	err   error
}

func (g *gate) Write(p []byte) (int, error) {
	select {
	case g.begun <- struct{}{}:
	default:
	}
	g.shut.Lock()
	defer g.shut.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return 0, g.err
	}
	return g.buf.Write(p)
}

func TestAppendTakesWhatHasRoom(t *testing.T) {
	g := &gate{begun: make(chan struct{}, 1)}
	room := make(chan struct{}, 10)
	w := New(g, func() { room <- struct{}{} })
	defer w.Close(nil)
	g.shut.Lock()
	text := make([]byte, 5*Size)
	for i := range text {
		text[i] = byte(i * 7)
	}
	rest := text[w.Append(text[:1]):]
	<-g.begun // which waits with it
	for _, step := range []struct {
		name   string
		take   func([]byte) int
		want   int
		isFull bool
	}{
		{"append", w.Append, Size, true},
		{"append again", w.Append, 0, true},
		{"force", w.Force, Size, true},
		{"force again", w.Force, 0, true},
	} {
		n := step.take(rest)
		rest = rest[n:]
		if n != step.want || w.Full() != step.isFull {
			t.Errorf("%s: %d bytes were taken, want %d; full %v", step.name, n, step.want, w.Full())
		}
	}
	g.shut.Unlock()
	for len(rest) > 0 {
		<-room
		rest = rest[w.Append(rest):]
	}
	if left := w.Drain(time.Minute); left != 0 {
		t.Errorf("%d bytes are left", left)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !bytes.Equal(g.buf.Bytes(), text) {
		t.Errorf("%d bytes were written, want %d, or others", g.buf.Len(), len(text))
	}
	if n := w.Lost(); n != 0 {
		t.Errorf("%d bytes were lost", n)
	}
	w.Drop(7)
	if n := w.Lost(); n != 7 {
		t.Errorf("%d bytes were lost, want 7", n)
	}
}

func TestAppendGoesOnAfterAnErrorAndAfterTheEnd(t *testing.T) {
	g := &gate{err: io.ErrUnexpectedEOF}
	room := make(chan struct{}, 10)
	w := New(g, func() { room <- struct{}{} })
	g.shut.Lock()
	for w.Append(make([]byte, Size)) == Size {
	}
	g.shut.Unlock()
	<-room // the caller does not wait for ever
	if w.Drain(time.Minute) != 0 || w.Err() != io.ErrUnexpectedEOF {
		t.Errorf("error is %v", w.Err())
	}
	if n := w.Append(make([]byte, 3*Size)); n != 3*Size {
		t.Errorf("%d bytes were taken, want all", n)
	}
	if !w.Close(nil) {
		t.Error("the goroutine goes on")
	}
	if n := w.Append(make([]byte, 3*Size)); n != 3*Size {
		t.Errorf("%d bytes were taken after the end, want all", n)
	}
}
