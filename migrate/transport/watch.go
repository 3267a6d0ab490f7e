package transport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// What a Control says of a side that is there no more.
var (
	ErrSilent = errors.New("nothing came from the other side")
	ErrStuck  = errors.New("the other side takes nothing")
)

// AfterFunc calls f once, on another goroutine, when d has passed. stop reports whether it
// was in time to prevent that.
type AfterFunc func(d time.Duration, f func()) (stop func() bool)

func hostClock(d time.Duration, f func()) (stop func() bool) { return time.AfterFunc(d, f).Stop }

// watch bounds each read and each write of a connection.
type watch struct {
	after AfterFunc
	limit time.Duration
}

// graceTime is how long a read or a write still has once its time is over. What has
// arrived while this process stood still is not to be missed.
const graceTime = 100 * time.Millisecond

func (w *watch) read(conn net.Conn, p []byte) (int, error) {
	return w.bounded(conn.Read, conn.SetReadDeadline, p, ErrSilent)
}

func (w *watch) write(conn net.Conn, p []byte) (int, error) {
	return w.bounded(conn.Write, conn.SetWriteDeadline, p, ErrStuck)
}

func (w *watch) bounded(do func([]byte) (int, error), deadline func(time.Time) error, p []byte, late error) (int, error) {
	fired := make(chan struct{})
	stop := w.after(w.limit, func() {
		_ = deadline(time.Now().Add(min(graceTime, w.limit))) // fails for one that is closed
		close(fired)
	})
	n, err := do(p)
	if stop() {
		return n, err
	}
	<-fired
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, fmt.Errorf("%w for %v", late, w.limit)
	}
	if err == nil {
		err = deadline(time.Time{})
	}
	return n, err
}
