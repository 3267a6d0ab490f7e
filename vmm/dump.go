package vmm

import (
	"context"
	"fmt"
	"io"
	"time"
)

// dumpDeadline bounds how long Dump waits for one vCPU: it is for machines that
// do not answer.
const dumpDeadline = 5 * time.Second

// Dump writes where each vCPU stands to w: for a guest that makes no progress.
// The guest runs on. A vCPU that does not answer is named.
func (m *Machine) Dump(w io.Writer) error {
	if !m.started.Load() {
		return ErrNotRunning
	}
	for _, v := range m.vcpus {
		ctx, cancel := context.WithTimeoutCause(context.Background(), dumpDeadline,
			fmt.Errorf("no answer within %v", dumpDeadline))
		var text string
		err := v.ask(ctx, func(v *vcpu) error {
			text = registerDump(v.fd)
			return nil
		}, unchanged)
		cancel()
		if err != nil {
			text = err.Error()
		}
		if _, err := fmt.Fprintf(w, "vcpu %d: exits=%d %s\n", v.index, v.count.Load(), text); err != nil {
			return err
		}
	}
	ports, mmio := m.platform.ports.Stats(), m.platform.mmio.Stats()
	_, err := fmt.Fprintf(w, "unclaimed: port reads=%d writes=%d, memory reads=%d writes=%d\n",
		ports.UnclaimedReads, ports.UnclaimedWrites, mmio.UnclaimedReads, mmio.UnclaimedWrites)
	return err
}
