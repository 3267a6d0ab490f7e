package terminal

import (
	"io"
	"os"
	"testing"
)

func TestInputReadsThenEnds(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in, err := NewInput(r)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := w.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got, err := io.ReadAll(in)
	if err != nil || string(got) != "hello" {
		t.Fatalf("ReadAll = %q, %v; want hello", got, err)
	}
}

func TestInputStopEndsABlockedRead(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	in, err := NewInput(r)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	done := make(chan error, 1)
	go func() {
		_, err := in.Read(make([]byte, 1))
		done <- err
	}()
	in.Stop()
	if err := <-done; err != io.EOF {
		t.Errorf("Read after Stop = %v, want EOF", err)
	}
	if _, err := in.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("second Read after Stop = %v, want EOF", err)
	}
}

func TestInputOfAClosedFileEnds(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	in, err := NewInput(r)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r.Close()
	if _, err := in.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read of a closed file = %v, want EOF", err)
	}
}
