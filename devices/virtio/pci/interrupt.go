package pci

import "sync/atomic"

// interrupt is a queue's interrupt, or that of configuration changes: by the
// MSI-X vector that the driver chose, or by INTx.
type interrupt struct {
	transport *Transport
	vector    atomic.Uint32 // noVector for none
}

func (i *interrupt) init(t *Transport) {
	i.transport = t
	i.vector.Store(noVector)
}

// set takes the driver's choice of a vector. One that there is not reads back as
// none (section 4.1.5.1.2).
func (i *interrupt) set(vector uint16) {
	m := i.transport.msix
	if m == nil || int(vector) >= m.Len() {
		vector = noVector
	}
	i.vector.Store(uint32(vector))
}

// Raise interrupts the driver for a queue.
func (i *interrupt) Raise() { i.raise(isrQueue) }

// raise interrupts the driver. In the ISR status a change of configuration shows
// always, a queue only where there is no MSI-X (section 4.1.4.5.1).
func (i *interrupt) raise(bit uint32) {
	t := i.transport
	m := t.msix
	if m == nil || !m.Enabled() {
		t.raiseISR(bit)
		return
	}
	if bit == isrConfig {
		t.raiseISR(bit)
	}
	if v := i.vector.Load(); v != noVector {
		m.Vector(int(v)).Raise()
	}
}

// FD is the eventfd of the vector that the driver has chosen by now; -1 where it
// uses INTx or no vector.
func (i *interrupt) FD() int {
	m, v := i.transport.msix, i.vector.Load()
	if m == nil || v == noVector || !m.Enabled() {
		return -1
	}
	return m.Vector(int(v)).FD()
}

func (t *Transport) raiseISR(bit uint32) {
	if t.isr.Load()&bit != 0 {
		return // whoever reads it has yet to look at what this one is for
	}
	t.isrMu.Lock()
	defer t.isrMu.Unlock()
	t.isr.Or(bit)
	t.function.Interrupt(true)
}

// clearISR ends the interrupt and returns what it was for.
func (t *Transport) clearISR() uint32 {
	t.isrMu.Lock()
	defer t.isrMu.Unlock()
	v := t.isr.Swap(0)
	t.function.Interrupt(false)
	return v
}

// isrHandler is the ISR status as the bus sees it.
type isrHandler Transport

func (h *isrHandler) Read(off uint64, p []byte) { isr.Read((*isrFile)(h), off, p) }

func (h *isrHandler) Write(off uint64, p []byte) { isr.Write((*isrFile)(h), off, p) }

type isrFile Transport

func (f *isrFile) ReadRegister(uint64) uint64 { return uint64((*Transport)(f).clearISR()) }

func (f *isrFile) WriteRegister(uint64, uint64) {}

// configHandler is the device's configuration space as the bus sees it.
type configHandler Transport

func (h *configHandler) Read(off uint64, p []byte) { h.device.ReadConfig(off, p) }

func (h *configHandler) Write(off uint64, p []byte) { h.device.WriteConfig(off, p) }
