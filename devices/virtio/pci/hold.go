package pci

// Pause holds the device still: see [virtio.Device]. It stays so over a reset
// and another activation.
func (t *Transport) Pause() {
	t.control.Lock()
	defer t.control.Unlock()
	t.paused = true
	t.hold()
}

// Resume undoes Pause.
func (t *Transport) Resume() {
	t.control.Lock()
	defer t.control.Unlock()
	t.paused = false
	t.hold()
}

// masterMoved is told that the guest changed Bus Master Enable.
func (t *Transport) masterMoved() {
	t.control.Lock()
	defer t.control.Unlock()
	t.hold()
}

// hold pauses or resumes an active device: it is to be still while the monitor
// says so, and while it may not use guest memory. A kernel that starts another
// one in its place relies on the latter. A device that needed a reset when it was
// saved is still until then. The caller holds control.
func (t *Transport) hold() {
	want := t.paused || t.lame || !t.function.BusMaster()
	if !t.active || t.held == want {
		return
	}
	t.held = want
	if want {
		t.device.Pause()
		return
	}
	cut := t.cut
	if t.cut = false; cut {
		t.release()
	}
	if t.device.Resume(); cut {
		t.goOn()
	}
}

// goOn has both sides look at every queue: a notification or an interrupt that was
// under way when the state was saved may be in nobody's. The caller holds control.
func (t *Transport) goOn() {
	t.mu.Lock()
	queues := t.running.Queues
	t.mu.Unlock()
	for i, q := range queues {
		if q != nil {
			q.Kick()
			t.queues[i].interrupt.Raise()
		}
	}
}

// release lets workers run that are started from here on. The caller holds control.
func (t *Transport) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range t.running.Queues {
		if q != nil {
			q.Hold(false)
		}
	}
}
