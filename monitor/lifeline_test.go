package monitor

import (
	"io"
	"testing"
	"time"
)

func TestALifelineThatIsCut(t *testing.T) {
	exits := make(chan int, 2)
	exit := func(status int) { exits <- status }
	t.Run("before there is a machine", func(t *testing.T) {
		r, w := io.Pipe()
		l := lifeline{after: time.Hour, exit: exit}
		l.watch(r)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-exits; got != statusFailed {
			t.Errorf("status %d", got)
		}
	})
	t.Run("with a machine", func(t *testing.T) {
		r, w := io.Pipe()
		l := lifeline{after: time.Millisecond, exit: exit}
		killed := make(chan struct{})
		l.onCut(func() { close(killed) })
		l.watch(r)
		if _, err := w.Write([]byte("nonsense")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-killed:
			t.Error("words end it")
		case <-exits:
			t.Error("words end the process")
		case <-time.After(10 * time.Millisecond):
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		<-killed
		if got := <-exits; got != statusFailed { // the machine does not end
			t.Errorf("status %d", got)
		}
	})
}
