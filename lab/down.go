package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Down ends a host and removes its directory; what runs there is killed. Where
// a host for one command had died before, what it left is kept ([Lab.Remains]).
func (l *Lab) Down(ctx context.Context, name string) error {
	s, err := l.Status(name)
	if err != nil {
		return err
	}
	if s.Throwaway {
		return l.downThrowaway(ctx, name)
	}
	unlock, err := l.lockAll(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.end(ctx, name); err != nil {
		return err
	}
	return l.removeDir(name)
}

// downThrowaway is Down for a host that has no successor: only its own command's
// end tells that it had died.
func (l *Lab) downThrowaway(ctx context.Context, name string) error {
	if err := l.end(ctx, name); err != nil {
		return err
	}
	// Only now has its keeper said the last word. Without one the directory is
	// being removed, or the keeper was killed.
	if r, err := readRecord(filepath.Join(l.dirs.State, name)); err != nil || r.End == nil {
		return l.removeDir(name)
	}
	unlock, err := l.lockAll(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = l.bury(name)
	return err
}

func (l *Lab) removeDir(name string) error {
	dir := filepath.Join(l.dirs.State, name)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("lab host %q: directory %q: remove: %w", name, dir, reason(err))
	}
	return nil
}

// end ends a host the polite way, and by its processes where that does not
// work.
func (l *Lab) end(ctx context.Context, name string) error {
	dir, err := l.dir(name)
	if errors.Is(err, ErrNoHost) {
		return nil
	}
	if err != nil {
		return err
	}
	if c, err := dial(dir, execSocket); err == nil {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		var r reply
		if send(c, request{Version: wireVersion, Op: opDown}) == nil && receive(c, &r) == nil && r.Down {
			l.awaitEnd(ctx, dir, 15*time.Second)
		}
		c.Close()
	}
	if r, err := readRecord(dir); err == nil {
		// Both are gone where all went well.
		if err := errors.Join(r.Keeper.end(8*time.Second), r.QEMU.end(2*time.Second)); err != nil {
			return fmt.Errorf("lab host %q: end: %w", name, err)
		}
	}
	if !l.awaitEnd(ctx, dir, 5*time.Second) {
		return fmt.Errorf("lab host %q: end: its lock is still held", name)
	}
	return nil
}

// awaitEnd waits until a host's lock is free or its directory gone.
func (l *Lab) awaitEnd(ctx context.Context, dir string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		held, err := lock(filepath.Join(dir, lockFile))
		if err == nil {
			held.Close()
			return true
		}
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}
