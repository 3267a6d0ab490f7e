package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// leaveSignals end hull, and leave what it is attached to alone.
var leaveSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// ownSignals are hull's own business: its children, its pipes, Go's way to interrupt
// a thread, and the size of hull's own window.
var ownSignals = []os.Signal{syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGURG, syscall.SIGWINCH}

// watchSignals takes the signals that come to hull. With a send they are handed on,
// one at a time; one of those that end programs leaves all the same when the one
// before has not got through yet. Without a send these leave, and others do what
// they do. The channel has the first that leaves.
func watchSignals(send func(syscall.Signal) error, messages io.Writer) (left <-chan syscall.Signal, stop func()) {
	signals := make(chan os.Signal, 16)
	if send == nil {
		signal.Notify(signals, leaveSignals...)
	} else {
		signal.Notify(signals)
	}
	leaves := make(chan syscall.Signal, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		sent := make(chan error, 1)
		busy := false
		for {
			select {
			case err := <-sent:
				busy = false
				if err != nil {
					fmt.Fprintf(messages, "hull: %v\n", err)
				}
			case s, more := <-signals:
				number, ok := s.(syscall.Signal)
				switch {
				case !more:
					return
				case !ok || slices.Contains(ownSignals, s):
				case send != nil && !busy:
					busy = true
					go func() { sent <- send(number) }()
				case slices.Contains(leaveSignals, s):
					select {
					case leaves <- number:
					default:
					}
				}
			}
		}
	}()
	return leaves, func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
