package monitor

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// lonelyTime is how long a machine may take to end whose supervisor is gone.
const lonelyTime = 20 * time.Second

// lifeline is the descriptor that ends with who started the process. The signal that
// the kernel can send instead comes with the end of a thread, which a Go program has
// no say about.
type lifeline struct {
	cut   atomic.Pointer[func()] // what is done then; nil to end the process at once
	after time.Duration
	exit  func(int)
}

// watch begins to wait for the end of f.
func (l *lifeline) watch(f io.Reader) {
	go func() {
		// Nothing is written to it; what is does not count.
		_, _ = io.Copy(io.Discard, f)
		cut := l.cut.Load()
		if cut == nil {
			fmt.Fprintln(os.Stderr, "hull-vmm: who started it is gone")
			l.exit(statusFailed)
			return
		}
		time.AfterFunc(l.after, func() {
			fmt.Fprintf(os.Stderr, "hull-vmm: the machine did not end within %v after its supervisor\n", l.after)
			l.exit(statusFailed)
		})
		(*cut)()
	}()
}

// onCut has f called once the lifeline ends.
func (l *lifeline) onCut(f func()) { l.cut.Store(&f) }
