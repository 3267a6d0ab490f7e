package launch

import (
	"errors"
	"os"
	"sync"
	"time"
)

// errUnwanted ends what nobody waits for any more.
var errUnwanted = errors.New("hull receive is gone")

// listeners are those at the other end of a pipe.
type listeners struct {
	gone chan struct{} // closed when there are none

	pipe *os.File
	once sync.Once
	over chan struct{}
	seen chan struct{}
}

// gonePause is how often it is looked whether they are there.
const gonePause = 200 * time.Millisecond

func listenersOf(pipe *os.File) *listeners {
	l := &listeners{gone: make(chan struct{}), pipe: pipe, over: make(chan struct{}), seen: make(chan struct{})}
	go l.watch()
	return l
}

func (l *listeners) watch() {
	defer close(l.seen)
	tick := time.NewTicker(gonePause)
	defer tick.Stop()
	for {
		if givenUp(l.pipe) {
			close(l.gone)
			return
		}
		select {
		case <-tick.C:
		case <-l.over:
			return
		}
	}
}

// close closes the pipe.
func (l *listeners) close() {
	l.once.Do(func() {
		close(l.over)
		<-l.seen
		_ = l.pipe.Close() // nothing more is said
	})
}
