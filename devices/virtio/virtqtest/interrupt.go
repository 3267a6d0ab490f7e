package virtqtest

import "sync/atomic"

// Interrupt is a queue's interrupt that counts.
type Interrupt struct {
	// C gets a value when the interrupt is raised and C is empty: whoever
	// receives looks at the ring afterwards, as an interrupt handler does.
	C chan struct{}

	count atomic.Int64
}

// NewInterrupt makes an interrupt that was not raised yet.
func NewInterrupt() *Interrupt { return &Interrupt{C: make(chan struct{}, 1)} }

// Raise implements virtio.Interrupt.
func (i *Interrupt) Raise() {
	i.count.Add(1)
	select {
	case i.C <- struct{}{}:
	default:
	}
}

// FD implements virtio.Interrupt: there is none.
func (i *Interrupt) FD() int { return -1 }

// Count is how many times the interrupt was raised.
func (i *Interrupt) Count() int { return int(i.count.Load()) }
