package lockfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestALockHasOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("a second one: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, path); !errors.Is(err, ErrHeld) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that waited: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		l, err := Acquire(t.Context(), path)
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if _, err := Try(filepath.Join(path, "x")); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("below a file: %v", err)
	}
}

func TestALockThatIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := TryShared(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := AcquireShared(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("alone, beside one that shares it: %v", err)
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
	alone, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryShared(path); !errors.Is(err, ErrHeld) {
		t.Errorf("shared, beside one that has it alone: %v", err)
	}
	if !alone.IsAt(path) {
		t.Error("the file is not where it is")
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if alone.IsAt(path) {
		t.Error("the file is where nothing is")
	}
	other, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if alone.IsAt(path) || !other.IsAt(path) || !alone.IsAt(path+".old") {
		t.Error("one file is taken for the other")
	}
	if err := errors.Join(alone.Release(), other.Release()); err != nil {
		t.Error(err)
	}
	if other.IsAt(path) {
		t.Error("what is given back is somewhere")
	}
}
