package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/hullvm/hull/agent"
)

// followSize tells the size of a terminal, now and when it changes, until stop is
// called.
func followSize(terminal *os.File, resize func(agent.WinSize)) (stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if size := terminalSize(terminal); size != (agent.WinSize{}) {
				resize(size)
			}
			if _, more := <-changed; !more {
				return
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(changed)
		<-done
	}
}
