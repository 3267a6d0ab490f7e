package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/hullvm/hull/migrate/pages"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/vmm"
	"github.com/hullvm/hull/vmstate"
)

// receives is the handler's part of a machine that comes from another host.
type receives struct {
	mu     sync.Mutex // guards what follows
	from   *pages.Receiver
	epoch  uint32 // the last that was waited for
	loaded bool   // the machine has its state, and comes from another host
	over   bool   // nothing is begun any more
}

// JudgeMove says why the machine cannot go on as the one that was described.
func (h *handler) JudgeMove(_ context.Context, description []byte) ([]string, error) {
	reasons, err := h.machine.Judge(description)
	return reasons, h.incoming(err)
}

// incoming gives an error of a machine that does not wait for a state.
func (h *handler) incoming(err error) error {
	if errors.Is(err, vmm.ErrNotIncoming) {
		return control.Errorf(control.WrongState, "receive: %w", err)
	}
	return err
}

// BeginReceive takes the machine's memory from connections.
func (h *handler) BeginReceive(_ context.Context, files []*os.File) error {
	if !h.machine.Awaits() {
		return h.incoming(vmm.ErrNotIncoming)
	}
	h.receives.mu.Lock()
	defer h.receives.mu.Unlock()
	if h.receives.from != nil || h.receives.over {
		return control.Errorf(control.WrongState, "receive: it was begun already, or is over")
	}
	conns, err := newStreams(files)
	if err != nil {
		return control.Errorf(control.BadRequest, "receive: %w", err)
	}
	r, err := pages.NewReceiver(h.machine.Memory(), conns)
	if err != nil {
		closeStreams(conns)
		return err
	}
	h.receives.from = r
	// Who waits hears of its error.
	go func() { _ = r.Run(context.Background()) }()
	return nil
}

func (h *handler) receiver() (*pages.Receiver, error) {
	h.receives.mu.Lock()
	defer h.receives.mu.Unlock()
	if h.receives.from == nil {
		return nil, control.Errorf(control.WrongState, "receive: it was not begun")
	}
	return h.receives.from, nil
}

// WaitReceived waits until an epoch is in memory.
func (h *handler) WaitReceived(ctx context.Context, epoch uint32) error {
	r, err := h.receiver()
	if err != nil {
		return err
	}
	if err := r.Wait(ctx, epoch); err != nil {
		return err
	}
	h.receives.mu.Lock()
	defer h.receives.mu.Unlock()
	h.receives.epoch = max(h.receives.epoch, epoch)
	return nil
}

// LoadReceived gives the machine its state, once nothing more comes into its memory.
func (h *handler) LoadReceived(ctx context.Context, f *os.File) error {
	r, err := h.receiver()
	if err != nil {
		return err
	}
	h.receives.mu.Lock()
	last := h.receives.epoch
	h.receives.mu.Unlock()
	if last == 0 {
		return control.Errorf(control.WrongState, "receive: no pass over memory was waited for")
	}
	s, err := vmstate.Read(f)
	if err != nil {
		return err
	}
	if err := r.Finish(ctx, last); err != nil {
		return err
	}
	if err := checkSum(ctx, s, h.machine.Memory(), h.pagemap); err != nil {
		return err
	}
	// The machine that has them still has written all that it ever will.
	if err := h.use(h.devices.OpenDisks); err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if err := h.machine.Load(s, vmm.Moved); err != nil {
		return fmt.Errorf("receive: %w", h.incoming(err))
	}
	h.announce()
	h.receives.mu.Lock()
	defer h.receives.mu.Unlock()
	h.receives.loaded = true
	return nil
}

// received reports whether the machine comes from another host.
func (h *handler) received() bool {
	h.receives.mu.Lock()
	defer h.receives.mu.Unlock()
	return h.receives.loaded
}

// endReceive ends what comes into memory.
func (h *handler) endReceive() {
	h.receives.mu.Lock()
	r := h.receives.from
	h.receives.over = true
	h.receives.mu.Unlock()
	if r != nil {
		r.Close()
	}
}
