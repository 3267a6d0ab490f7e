package pci

import (
	"github.com/hullvm/hull/internal/eventfd"
)

// kick is a queue's doorbell.
type kick struct {
	event *eventfd.EventFD
	at    uint64 // where the hypervisor rings it; belongs to the function's moves
	added bool   // likewise
}

// moved is told where the BAR is.
func (t *Transport) moved(base uint64, mapped bool) {
	if t.doorbells == nil {
		return
	}
	for i, k := range t.kicks {
		if k.added {
			k.added = false
			if err := t.doorbells.Remove(k.at, k.event.FD()); err != nil {
				t.log.warn("doorbell stays", err)
			}
		}
		if !mapped {
			continue
		}
		k.at = base + notifyOffset + uint64(i)*notifyMultiplier
		if err := t.doorbells.Add(k.at, k.event.FD()); err != nil {
			// notifyHandler rings it instead.
			t.log.warn("doorbell is slow", err)
			continue
		}
		k.added = true
	}
}

// notifyHandler takes the writes to doorbells that come here in spite of
// Doorbells: section 4.1.4.4. What is written is not looked at.
type notifyHandler Transport

func (h *notifyHandler) Read(_ uint64, p []byte) { clear(p) }

func (h *notifyHandler) Write(off uint64, _ []byte) {
	if i := off / notifyMultiplier; off%notifyMultiplier == 0 && i < uint64(len(h.kicks)) {
		_ = h.kicks[i].event.Signal()
	}
}
