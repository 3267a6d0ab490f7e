package balloon

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Feature bits (section 5.5.3). Free page hints are not offered: reporting tells
// the host more, without being asked.
const (
	FeatureStatistics   = 1 << 1 // VIRTIO_BALLOON_F_STATS_VQ
	FeatureDeflateOnOOM = 1 << 2 // VIRTIO_BALLOON_F_DEFLATE_ON_OOM
	FeaturePagePoison   = 1 << 4 // VIRTIO_BALLOON_F_PAGE_POISON
	FeatureReporting    = 1 << 5 // VIRTIO_BALLOON_F_PAGE_REPORTING
)

// struct virtio_balloon_config (section 5.5.4): offset, meaning, R/W.
const (
	regNumPages  = 0  // num_pages: pages the device wants, le32, R
	regActual    = 4  // actual: pages the driver gave, le32, RW
	regCmdID     = 8  // free_page_hint_cmd_id, le32, R
	regPoisonVal = 12 // poison_val: what free pages are filled with, le32, RW
	configSize   = 16
)

// pageSize is the balloon's page, whatever the guest's is, in bytes.
const pageSize = 4096

// Features are what the device offers.
func (d *Device) Features() uint64 { return d.features }

// ReadConfig fills p from the configuration space at off.
func (d *Device) ReadConfig(off uint64, p []byte) {
	clear(p)
	if off < configSize {
		d.configMu.Lock()
		defer d.configMu.Unlock()
		copy(p, d.config[off:])
	}
}

// WriteConfig takes a write of actual and poison_val; all else is not writable.
func (d *Device) WriteConfig(off uint64, p []byte) {
	d.configMu.Lock()
	defer d.configMu.Unlock()
	for i := range p {
		switch at := off + uint64(i); {
		case at < off: // past the end of the number line
			return
		case at >= regActual && at < regCmdID, at >= regPoisonVal && at < configSize:
			d.config[at] = p[i]
		}
	}
}

func (d *Device) register(reg int) uint32 {
	d.configMu.Lock()
	defer d.configMu.Unlock()
	return binary.LittleEndian.Uint32(d.config[reg:])
}

func (d *Device) setRegister(reg int, v uint32) {
	d.configMu.Lock()
	defer d.configMu.Unlock()
	binary.LittleEndian.PutUint32(d.config[reg:], v)
}

// SetTarget asks the guest to give up n bytes in all, rounded down to whole
// pages of 4 KiB. It may be called at any time; the guest takes its time.
func (d *Device) SetTarget(n uint64) error {
	pages := n / pageSize
	if pages > math.MaxUint32 {
		return fmt.Errorf("balloon %q: set target to %d bytes: the most is %d", d.name, n, uint64(math.MaxUint32)*pageSize)
	}
	d.mu.Lock() // until the driver was told: Deactivate waits for that
	defer d.mu.Unlock()
	if d.register(regNumPages) == uint32(pages) {
		return nil
	}
	d.setRegister(regNumPages, uint32(pages))
	if d.active != nil {
		d.active.ConfigChanged()
	}
	return nil
}

// Target is what the guest is asked to give up, in bytes.
func (d *Device) Target() uint64 { return uint64(d.register(regNumPages)) * pageSize }

// Actual is what the guest says it has given up, in bytes. It can say anything.
func (d *Device) Actual() uint64 { return uint64(d.register(regActual)) * pageSize }
