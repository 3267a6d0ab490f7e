package main

import (
	"math"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/hullvm/hull/devices/virtio/console"
)

// followSize keeps the guest's terminal of the size of ours until stop is called.
func followSize(terminal *os.File, c *console.Console) (stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			cols, rows, err := term.GetSize(int(terminal.Fd()))
			if err == nil && cols >= 0 && rows >= 0 && cols <= math.MaxUint16 && rows <= math.MaxUint16 {
				c.Resize(uint16(cols), uint16(rows))
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
