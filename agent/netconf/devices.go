package netconf

import (
	"context"
	"sync"

	"github.com/vishvananda/netlink"
)

// Devices are the network devices of a machine. Its methods may be used from any
// goroutine.
type Devices struct {
	options Options

	mu      sync.Mutex
	keepers map[int]*keeper // by the interface's index
}

// NewDevices returns Devices of which none is set up yet.
func NewDevices(o Options) *Devices {
	if o.Remark == nil {
		o.Remark = func(string) {}
	}
	return &Devices{options: o, keepers: make(map[int]*keeper)}
}

// keeper is what goes on in the background for one device.
type keeper struct {
	link   netlink.Link
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup // one of which is whoever sets the device up
	client *dhcp          // of its lease, or nil; read once the tasks are over
}

// take ends what goes on for a device, gives up its lease, and begins anew. The
// caller ends the keeper when it has started all tasks.
func (d *Devices) take(ctx context.Context, link netlink.Link) *keeper {
	k := &keeper{link: link}
	k.ctx, k.cancel = context.WithCancel(ctx)
	k.tasks.Add(1)
	index := link.Attrs().Index
	d.mu.Lock()
	old := d.keepers[index]
	d.keepers[index] = k
	d.mu.Unlock()
	if old != nil {
		old.cancel()
		old.tasks.Wait()
		if old.client != nil {
			old.client.drop()
		}
	}
	return k
}

// start begins a task, which ends soon after its context.
func (k *keeper) start(task func(context.Context)) {
	k.tasks.Go(func() { task(k.ctx) })
}

func (k *keeper) end() { k.tasks.Done() }
