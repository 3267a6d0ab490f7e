package monitor

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// catch takes the signals that mean something to a machine, and keeps a terminal's
// from the process: they are its supervisor's.
func catch() <-chan os.Signal {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGUSR1)
	return signals
}

// obey does what signals ask for until done, as hull boot does: SIGTERM presses the
// power button, and a machine that is still there after grace, or when a signal comes
// again, is ended. SIGQUIT ends it at once. SIGUSR1 tells where it stands.
func (h *handler) obey(signals <-chan os.Signal, grace time.Duration, messages io.Writer, done <-chan struct{}) {
	ctx := context.Background()
	var timeout <-chan time.Time
	asked := false
	for {
		select {
		case <-done:
			return
		case <-timeout:
			_ = h.Kill(ctx)
		case s := <-signals:
			if s != syscall.SIGTERM {
				h.dumpTo(messages)
			}
			if s == syscall.SIGUSR1 {
				continue
			}
			// Before the start there is nobody to press the button for.
			if asked || s == syscall.SIGQUIT || h.PowerButton(ctx) != nil {
				_ = h.Kill(ctx)
			}
			asked = true
			if timeout == nil {
				timer := time.NewTimer(grace)
				defer timer.Stop()
				timeout = timer.C
			}
		}
	}
}

func (h *handler) dumpTo(messages io.Writer) {
	if err := h.machine.Dump(messages); err != nil {
		fmt.Fprintf(messages, "hull-vmm: dump: %v\n", err)
	}
}
