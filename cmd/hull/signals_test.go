package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalThatDoesNotGetThroughIsFollowedByOneThatLeaves has somebody press Ctrl-c
// twice at a guest that does not answer.
func TestSignalThatDoesNotGetThroughIsFollowedByOneThatLeaves(t *testing.T) {
	guardSignals(t, syscall.SIGINT, syscall.SIGUSR2)
	sent := make(chan syscall.Signal)
	answer := make(chan error)
	var messages lockedBuffer
	left, stop := watchSignals(func(s syscall.Signal) error {
		sent <- s
		return <-answer
	}, &messages)
	defer stop()
	raise := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	raise(syscall.SIGINT)
	if s := <-sent; s != syscall.SIGINT {
		t.Fatalf("sent %v", s)
	}
	raise(syscall.SIGUSR2) // it ends nobody
	raise(syscall.SIGINT)
	if s := <-left; s != syscall.SIGINT {
		t.Errorf("left by %v", s)
	}
	answer <- errors.New("instance \"web\": kill: the guest's agent does not answer")
	for !strings.Contains(messages.String(), "\n") {
		time.Sleep(time.Millisecond)
	}
	if got := messages.String(); got != "hull: instance \"web\": kill: the guest's agent does not answer\n" {
		t.Errorf("said %q", got)
	}
	// The next one is handed on again.
	raise(syscall.SIGUSR2)
	if s := <-sent; s != syscall.SIGUSR2 {
		t.Errorf("sent %v", s)
	}
	answer <- nil
}
