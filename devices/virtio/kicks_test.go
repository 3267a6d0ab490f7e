package virtio_test

import (
	"errors"
	"os"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/eventfd"
	"golang.org/x/sys/unix"
)

// checkDescriptors fails t where, when it has ended and cleaned up, more
// descriptors are open than at this call.
func checkDescriptors(t *testing.T) {
	t.Helper()
	warmPoller(t)
	before := descriptors(t)
	t.Cleanup(func() {
		if after := descriptors(t); after > before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
}

// warmPoller has the runtime open the descriptors of its own.
func warmPoller(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.Close(), w.Close()
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func newKicks(t *testing.T) (*virtqtest.Driver, *virtio.Kicks) {
	t.Helper()
	checkDescriptors(t)
	devicestest.CheckGoroutines(t)
	d := virtqtest.New(t, virtqtest.Options{})
	k, err := virtio.NewKicks(d.Queue())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return d, k
}

func TestAKickBeforeTheWaitIsFound(t *testing.T) {
	d, k := newKicks(t)
	d.Queue().Kick()
	d.Queue().Kick()
	if err := k.Wait(); err != nil {
		t.Fatal(err)
	}
	k.Interrupt() // the second kick went with the first: nothing is left
	if err := k.Wait(); !errors.Is(err, virtio.ErrInterrupted) {
		t.Errorf("Wait: %v, want ErrInterrupted", err)
	}
}

func TestAKickIsNotLostToAnInterrupt(t *testing.T) {
	d, k := newKicks(t)
	k.Interrupt()
	d.Queue().Kick()
	for range 2 {
		if err := k.Wait(); !errors.Is(err, virtio.ErrInterrupted) {
			t.Fatalf("Wait: %v, want ErrInterrupted", err)
		}
	}
	k.Rearm()
	if err := k.Wait(); err != nil {
		t.Errorf("Wait after Rearm: %v", err)
	}
}

func TestAnInterruptEndsAWaitUnderWay(t *testing.T) {
	d, k := newKicks(t)
	waits := make(chan error)
	for range 100 { // before, during and after the Wait begins
		go func() { waits <- k.Wait() }()
		k.Interrupt()
		if err := <-waits; !errors.Is(err, virtio.ErrInterrupted) {
			t.Fatalf("Wait: %v, want ErrInterrupted", err)
		}
		k.Rearm()
		go func() { waits <- k.Wait() }()
		d.Queue().Kick()
		if err := <-waits; err != nil {
			t.Fatalf("Wait: %v", err)
		}
	}
}

func TestClosingEndsAWait(t *testing.T) {
	_, k := newKicks(t)
	ended := make(chan error)
	go func() { ended <- k.Wait() }()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || errors.Is(err, virtio.ErrInterrupted) {
		t.Errorf("Wait: %v", err)
	}
}

// A queue's own descriptor stays when its Kicks are closed.
func TestClosingLeavesTheQueuesOwnDescriptor(t *testing.T) {
	d, k := newKicks(t)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	d.Queue().Kick()
	again, err := virtio.NewKicks(d.Queue())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAQueueWithoutADescriptorHasNoKicks(t *testing.T) {
	checkDescriptors(t)
	d := virtqtest.New(t, virtqtest.Options{})
	kick, err := eventfd.New()
	if err != nil {
		t.Fatal(err)
	}
	q, err := virtio.NewQueue(7, d.Memory.Guest, d.Layout(), d.RingOptions(), kick, d.Interrupt)
	if err != nil {
		t.Fatal(err)
	}
	if err := kick.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := virtio.NewKicks(q); !errors.Is(err, unix.EBADF) {
		t.Errorf("NewKicks: %v, want EBADF", err)
	}
	if _, err := virtio.StartWorker(q, nil, nil); !errors.Is(err, unix.EBADF) {
		t.Errorf("StartWorker: %v, want EBADF", err)
	}
}
