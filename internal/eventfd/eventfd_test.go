package eventfd

import (
	"errors"
	"testing"
)

func TestSignalsAddUpUntilTaken(t *testing.T) {
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := e.Take(); n != 0 || err != nil {
		t.Errorf("a new one holds %d, %v", n, err)
	}
	for range 3 {
		if err := e.Signal(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := e.Take(); n != 3 || err != nil {
		t.Errorf("took %d, %v, want 3", n, err)
	}
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if _, err := e.Take(); !errors.Is(err, ErrClosed) {
		t.Errorf("take after close: %v", err)
	}
	if err := e.Signal(); !errors.Is(err, ErrClosed) || e.FD() != -1 {
		t.Errorf("signal after close: %v, descriptor %d", err, e.FD())
	}
}

func TestPendingLeavesTheCount(t *testing.T) {
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if pending, err := e.Pending(); pending || err != nil {
		t.Errorf("a new one: pending %v, %v", pending, err)
	}
	if err := e.Signal(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if pending, err := e.Pending(); !pending || err != nil {
			t.Errorf("signalled: pending %v, %v", pending, err)
		}
	}
	if n, err := e.Take(); n != 1 || err != nil {
		t.Errorf("took %d, %v", n, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Pending(); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}
