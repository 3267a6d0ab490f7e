package console

import (
	"bytes"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func (r *rig) wantSize(cols, rows uint16) {
	r.t.Helper()
	p := bytes.Repeat([]byte{0xaa}, 12)
	r.console.ReadConfig(0, p)
	want := make([]byte, 12)
	want[0], want[1], want[2], want[3] = byte(cols), byte(cols>>8), byte(rows), byte(rows>>8)
	if !bytes.Equal(p, want) {
		r.t.Errorf("configuration is %x, want %x", p, want)
	}
}

func (r *rig) wantTold(told bool) {
	r.t.Helper()
	select {
	case <-r.active.ConfigChanges:
		if !told {
			r.t.Error("the driver was told of a change")
		}
	default:
		if told {
			r.t.Error("the driver was not told")
		}
	}
}

func TestADriverIsToldOfTheSizeAndItsChanges(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.wantTold(true) // it had not read it
	r.wantSize(80, 25)
	r.console.Resize(80, 25)
	r.wantTold(false)
	r.console.Resize(0x1234, 0x5678)
	r.wantTold(true)
	r.wantSize(0x1234, 0x5678)

	r.console.Pause()
	r.console.Resize(1, 2)
	r.console.Resize(132, 43)
	r.wantTold(false)
	r.console.Resume()
	r.wantTold(true)
	r.wantSize(132, 43)
	r.console.Pause()
	r.console.Resume()
	r.wantTold(false)

	r.active.Deactivate()
	r.console.Resize(10, 20)
	r.wantTold(false)
	r.wantSize(10, 20)
	r.boot(virtqtest.Options{})
	r.wantTold(false) // it has read it before
}

func TestADriverWithoutTheFeatureIsNotTold(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.active.Deactivate()
	r.active = virtqtest.Activate(t, r.console, 0, r.rx, r.tx)
	r.console.Resize(10, 20)
	r.wantTold(false)
}

func TestConfigurationIsReadInAnyPart(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	r.console.Resize(0x0201, 0x0403)
	whole := []byte{1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	r.console.WriteConfig(0, []byte{9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9})
	for off := range 10 {
		for n := range 5 {
			p := bytes.Repeat([]byte{0xaa}, n)
			r.console.ReadConfig(uint64(off), p)
			if !bytes.Equal(p, whole[off:off+n]) {
				t.Errorf("%d bytes at %d are %x", n, off, p)
			}
		}
	}
	r.console.ReadConfig(1<<64-1, make([]byte, 8))
}

// A transport reads the configuration under the lock that its ConfigChanged takes.
func TestResizingDoesNotLockOutTheTransport(t *testing.T) {
	r := newRig(t, virtqtest.Options{})
	var transport sync.Mutex
	r.active.Activation.ConfigChanged = func() {
		transport.Lock()
		defer transport.Unlock()
	}
	var all sync.WaitGroup
	all.Go(func() {
		for i := range uint16(1000) {
			r.console.Resize(i, i)
		}
	})
	all.Go(func() {
		for range 1000 {
			transport.Lock()
			p := make([]byte, 4)
			r.console.ReadConfig(0, p)
			if p[0] != p[2] || p[1] != p[3] {
				// 80 by 25 is the first.
				if p[0] != 80 {
					t.Errorf("read half of a size: %x", p)
				}
			}
			transport.Unlock()
		}
	})
	all.Go(func() {
		for range 100 {
			r.console.Pause()
			r.console.Resume()
		}
	})
	all.Wait()
}
