package pci

import (
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/mem"
)

// commonHandler is the common configuration as the bus sees it. Each register is
// read and written under the lock on its own.
type commonHandler Transport

func (h *commonHandler) Read(off uint64, p []byte) { common.Read((*commonFile)(h), off, p) }

func (h *commonHandler) Write(off uint64, p []byte) { common.Write((*commonFile)(h), off, p) }

// commonFile is the common configuration as the register map sees it.
type commonFile Transport

func (f *commonFile) ReadRegister(off uint64) uint64 {
	t := (*Transport)(f)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch off {
	case regDeviceFeatureSelect:
		return uint64(t.selects.deviceFeature)
	case regDeviceFeature:
		return uint64(t.handshake.OfferedFeatures(t.selects.deviceFeature))
	case regDriverFeatureSelect:
		return uint64(t.selects.driverFeature)
	case regDriverFeature:
		return uint64(t.handshake.DriverFeatures(t.selects.driverFeature))
	case regConfigMSIXVector:
		return uint64(t.configVector.vector.Load())
	case regNumQueues:
		return uint64(len(t.queues))
	case regDeviceStatus:
		return uint64(t.handshake.Status())
	case regConfigGeneration:
		return uint64(t.generation.Load() & 0xff)
	case regQueueSelect:
		return uint64(t.selects.queue)
	}
	if i := int(t.selects.queue); i < len(t.queues) {
		return t.queues[i].read(off, i)
	}
	// A size of 0 says that there is no such queue.
	if off == regQueueMSIXVector {
		return noVector
	}
	return 0
}

func (f *commonFile) WriteRegister(off, value uint64) {
	t := (*Transport)(f)
	if off == regDeviceStatus {
		t.writeStatus(virtio.Status(value))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch off {
	case regDeviceFeatureSelect:
		t.selects.deviceFeature = uint32(value)
	case regDriverFeatureSelect:
		t.selects.driverFeature = uint32(value)
	case regDriverFeature:
		t.checkLocked(t.handshake.WriteDriverFeatures(t.selects.driverFeature, uint32(value)))
	case regConfigMSIXVector:
		t.configVector.set(uint16(value))
	case regQueueSelect:
		t.selects.queue = uint16(value)
	default:
		t.writeQueueLocked(off, value)
	}
}

// checkLocked counts a write that was refused.
func (t *Transport) checkLocked(err error) {
	if err != nil {
		t.refused.Add(1)
	}
}

// writeQueueLocked takes a write to a register of the selected queue. What says
// where the queue lies stands once it is enabled, and for all queues once the
// device runs.
func (t *Transport) writeQueueLocked(off, value uint64) {
	if int(t.selects.queue) >= len(t.queues) {
		t.refused.Add(1)
		return
	}
	q := &t.queues[t.selects.queue]
	if off == regQueueMSIXVector {
		q.interrupt.set(uint16(value))
		return
	}
	if q.enabled || t.handshake.Status()&virtio.StatusDriverOK != 0 || !q.write(off, value) {
		t.refused.Add(1)
	}
}

// queue is a queue's registers.
type queue struct {
	max       uint16
	size      uint16
	enabled   bool
	desc      mem.Addr
	driver    mem.Addr
	device    mem.Addr
	interrupt interrupt
}

// reset leaves the queue as a reset of the device does.
func (q *queue) reset() {
	q.size, q.enabled = q.max, false
	q.desc, q.driver, q.device = 0, 0, 0
	q.interrupt.vector.Store(noVector)
}

func (q *queue) read(off uint64, index int) uint64 {
	switch off {
	case regQueueSize:
		return uint64(q.size)
	case regQueueMSIXVector:
		return uint64(q.interrupt.vector.Load())
	case regQueueEnable:
		if q.enabled {
			return 1
		}
	case regQueueNotifyOff:
		return uint64(index)
	case regQueueDesc:
		return uint64(q.desc)
	case regQueueDriver:
		return uint64(q.driver)
	case regQueueDevice:
		return uint64(q.device)
	}
	return 0
}

// write reports whether the value is one that the register takes.
func (q *queue) write(off, value uint64) bool {
	switch off {
	case regQueueSize:
		if value == 0 || value > uint64(q.max) {
			return false
		}
		q.size = uint16(value)
	case regQueueEnable:
		if value != 1 {
			return false
		}
		q.enabled = true
	case regQueueDesc:
		q.desc = mem.Addr(value)
	case regQueueDriver:
		q.driver = mem.Addr(value)
	case regQueueDevice:
		q.device = mem.Addr(value)
	}
	return true
}
