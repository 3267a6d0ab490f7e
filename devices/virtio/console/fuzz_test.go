package console

import (
	"io"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// FuzzConsole does what a guest and a host may do in any order. In the end the
// guest's output has arrived or is counted, and nothing waits.
func FuzzConsole(f *testing.F) {
	f.Add([]byte{0, 5, 0, 1, 10, 0, 2, 20, 3, 0, 0, 1, 3, 0, 4, 0, 0, 200, 4, 80, 5, 9})
	f.Add([]byte{1, 1, 1, 1, 2, 255, 3, 0, 2, 255, 4, 0, 1, 255})
	f.Add([]byte{6, 0, 0, 255, 0, 255, 2, 1, 7, 1, 0, 255})
	f.Add([]byte{2, 9, 7, 2, 1, 1, 7, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		devicestest.CheckGoroutines(t)
		clock := devicestest.NewClock(time.Unix(0, 0))
		out := new(sink)
		d := New(Config{Name: "hvc0", Output: out, Clock: clock})
		m := virtqtest.NewMemory(t, 4<<20)
		rx := virtqtest.New(t, virtqtest.Options{Index: queueRX, Memory: m, EventIndex: true})
		tx := virtqtest.New(t, virtqtest.Options{Index: queueTX, Memory: m, Indirect: true})
		broken := make(chan error, 10)
		a := &virtio.Activation{
			Memory: m.Guest, Features: FeatureSize | virtio.FeatureVersion1,
			Queues:        []*virtio.Queue{rx.Queue(), tx.Queue()},
			ConfigChanged: func() { d.ReadConfig(0, make([]byte, 4)) },
			Broken:        func(err error) { broken <- err },
		}
		if err := d.Activate(a); err != nil {
			t.Fatal(err)
		}
		writes, sent, bad := 0, uint64(0), false
		wrote := make(chan struct{}, len(steps))
		for ; len(steps) >= 2; steps = steps[2:] {
			n := int(steps[1])
			switch steps[0] % 8 {
			case 0:
				if _, ok := tx.TryAdd([][]byte{make([]byte, n*50)}, nil); ok {
					sent += uint64(n * 50)
				}
				tx.Kick()
			case 1:
				_, _ = rx.TryAdd(nil, []int{n, 1})
				rx.Kick()
			case 2:
				writes++
				go func() {
					_, _ = d.Write(make([]byte, n))
					wrote <- struct{}{}
				}()
			case 3:
				d.Pause()
			case 4:
				d.Resume()
			case 5:
				d.Resize(uint16(n), uint16(n))
				d.ReadConfig(uint64(n)%8, make([]byte, 8))
			case 6:
				clock.Advance(time.Duration(n) * 10 * time.Millisecond)
			case 7:
				for _, q := range []*virtqtest.Driver{rx, tx} {
					for ok := true; ok; {
						_, ok = q.Poll()
					}
				}
				if n >= 4 {
					break
				}
				q := []*virtqtest.Driver{rx, tx}[n>>1]
				if !bad && q.Pending() < 4 { // once: what it holds is not in the sum
					bad = true
					q.AddBuffers(virtqtest.Buffer{Addr: mem.Addr(n) << 21, Len: uint32(n), Write: n&1 != 0})
				}
			}
		}
		d.Deactivate()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		for range writes {
			<-wrote
		}
		if got := uint64(len(out.String())) + d.Lost(); got > sent+4 {
			t.Errorf("%d bytes arrived or were lost of %d", got, sent)
		}
	})
}

func BenchmarkTransmit(b *testing.B) {
	d := New(Config{Name: "hvc0", Output: io.Discard})
	defer d.Close()
	tx := virtqtest.New(b, virtqtest.Options{Index: queueTX})
	virtqtest.Activate(b, d, 0, nil, tx)
	p := make([]byte, 4096)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		tx.Do(b, [][]byte{p}, nil)
	}
}
