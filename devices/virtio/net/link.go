package net

// linkUp reports whether frames pass.
func (d *Device) linkUp() bool { return d.status.Load()&statusLinkUp != 0 }

// SetLink plugs the cable in or pulls it. Frames that come while it is out are
// dropped.
func (d *Device) SetLink(up bool) {
	d.status.And(^uint32(statusLost))
	var old uint32
	if up {
		old = d.status.Or(statusLinkUp)
	} else {
		old = d.status.And(^uint32(statusLinkUp))
	}
	if up == (old&statusLinkUp != 0) {
		return
	}
	d.mu.Lock()
	d.vhostLinkLocked()
	d.mu.Unlock()
	d.changed()
}

// Announce asks the driver to make its addresses known to the network, as after
// a move to another host. It reports false where the driver cannot be asked.
func (d *Device) Announce() bool {
	d.signal.RLock()
	defer d.signal.RUnlock()
	a := d.active
	if a == nil || !a.Has(FeatureGuestAnnounce|FeatureCtrlVQ|FeatureStatus) {
		return false
	}
	d.status.Or(statusAnnounce)
	a.ConfigChanged()
	return true
}

// changed tells the driver that the configuration space changed.
func (d *Device) changed() {
	d.signal.RLock()
	defer d.signal.RUnlock()
	if d.active != nil {
		d.active.ConfigChanged()
	}
}

// lost says that the backend gave up: the cable is pulled for good. It is called
// by a queue's goroutine.
func (d *Device) lost(err error) {
	if old := d.status.And(^uint32(statusLinkUp)); old&statusLinkUp != 0 {
		d.status.Or(statusLost)
		d.log.Warn("network backend is gone", "device", d.name, "error", err)
		d.changed()
	}
}
