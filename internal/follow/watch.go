package follow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// watcher sleeps until a log has changed.
type watcher struct {
	events *os.File // an inotify instance
	file   int      // the watch of the file that is read; -1: none
	stop   context.CancelFunc
	done   chan struct{} // the goroutine of stopper has ended
	buf    [4096]byte
}

// errWoken says that a wait ended for another reason than a change.
var errWoken = errors.New("woken")

// watch watches the directory of a log for new names.
func watch(path string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("log %q: inotify: %w", path, err)
	}
	w := &watcher{events: os.NewFile(uintptr(fd), "inotify"), file: -1}
	_, err = unix.InotifyAddWatch(fd, filepath.Dir(path),
		unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_ONLYDIR)
	if err != nil {
		_ = w.events.Close()
		return nil, fmt.Errorf("log %q: watch its directory: %w", path, err)
	}
	return w, nil
}

// wakeOn makes waits end, the present one and all later ones, when ctx or done
// does or when the wall clock reaches until.
func (w *watcher) wakeOn(ctx context.Context, done <-chan struct{}, until time.Time) {
	ctx, w.stop = context.WithCancel(ctx)
	w.done = make(chan struct{})
	var timer <-chan time.Time
	release := func() {}
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		timer, release = t.C, func() { t.Stop() }
	}
	go func() {
		defer close(w.done)
		defer release()
		select {
		case <-ctx.Done():
		case <-done:
		case <-timer:
		}
		_ = w.events.SetReadDeadline(time.Unix(1, 0))
	}()
}

// turnTo watches a file, whatever its name, and no other any more. The loss of a
// name is one of its attributes.
func (w *watcher) turnTo(f *file) error {
	var failed error
	err := w.control(func(fd int) {
		if w.file >= 0 {
			// It fails where the file is gone, and its watch with it.
			_, _ = unix.InotifyRmWatch(fd, uint32(w.file))
		}
		w.file, failed = unix.InotifyAddWatch(fd, "/proc/self/fd/"+strconv.Itoa(int(f.f.Fd())), unix.IN_MODIFY|unix.IN_MOVE_SELF|unix.IN_ATTRIB)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("log %q: watch: %w", f.path, err)
	}
	return nil
}

func (w *watcher) control(f func(fd int)) error {
	raw, err := w.events.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// wait sleeps until something has changed since the last wait.
func (w *watcher) wait() error {
	_, err := w.events.Read(w.buf[:]) // what has changed is looked up, not believed
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errWoken
	}
	return fmt.Errorf("inotify: read: %w", err)
}

func (w *watcher) close() {
	if w.stop != nil {
		w.stop()
		<-w.done
	}
	_ = w.events.Close()
}
