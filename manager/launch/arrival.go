package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/manager/logs"
	"github.com/hullvm/hull/manager/store"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/migrate"
	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/monitor/control"
)

// arrival is a machine that comes to this host.
type arrival struct {
	incoming *migrate.Incoming
	parcel   *parcel
	store    *store.Store
	id       string
	log      io.Writer    // takes messages
	writer   *logs.Writer // of the instance's log
	unwanted <-chan struct{}
}

func (a *arrival) Paused() bool { return a.parcel.Paused }

// Receive fills the machine.
func (a *arrival) Receive(ctx context.Context, m supervisor.Machine, to supervisor.Arriver) error {
	machine, ok := m.(*machine)
	if !ok {
		return errors.New("a machine of another kind")
	}
	t := &moveTarget{arrival: a, machine: machine, arriver: to}
	defer t.closeLog()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-a.unwanted: // which counts until the machine is this host's
			cancel(errUnwanted)
		case <-ctx.Done():
		}
	}()
	return a.incoming.Run(ctx, t)
}

// moveTarget is the machine of an arrival.
type moveTarget struct {
	*arrival
	machine *machine
	arriver supervisor.Arriver
	earlier *os.File // the source's log, as far as it has come
}

func (t *moveTarget) Judge(ctx context.Context, monitor []byte) (reasons []string, err error) {
	err = t.machine.onConnection(ctx, func(c *control.Client) error {
		reasons, err = c.JudgeMove(ctx, monitor)
		return err
	})
	return append(reasons, t.otherDisks()...), err
}

// otherDisks says which disks here cannot be those that the machine had.
func (t *moveTarget) otherDisks() (reasons []string) {
	for i := range t.machine.description.Disks {
		d := &t.machine.description.Disks[i]
		for _, was := range t.incoming.Describe.Disks {
			if was.Name != d.Name {
				continue
			}
			layers, err := disk.Layers(d.Path, string(d.Format), d.Backing)
			switch {
			case err != nil:
				reasons = append(reasons, fmt.Sprintf("disk %q: %v", d.Name, err))
			case uint64(layers[0].Size) != was.Size:
				reasons = append(reasons, fmt.Sprintf("disk %q: %q is of %d bytes, and the machine's of %d", d.Name, d.Path, layers[0].Size, was.Size))
			}
		}
	}
	return reasons
}

func (t *moveTarget) Begin(ctx context.Context, conns []*os.File) error {
	return t.machine.onConnection(ctx, func(c *control.Client) error { return c.BeginReceive(ctx, conns) })
}

func (t *moveTarget) Wait(ctx context.Context, epoch uint32) error {
	return t.machine.onConnection(ctx, func(c *control.Client) error { return c.WaitReceived(ctx, epoch) })
}

func (t *moveTarget) Load(ctx context.Context, state *os.File) error {
	return t.machine.onConnection(ctx, func(c *control.Client) error { return c.LoadReceived(ctx, state) })
}

// Write makes a record durable. That the machine runs is first of all the instance's
// state: who finds only that knows it.
func (t *moveTarget) Write(ctx context.Context, r handoff.TargetRecord) handoff.Event {
	var err error
	switch r.Fate {
	case handoff.Running:
		err = t.arriver.Own(ctx)
	case handoff.Aborted:
		if t.machine.owned.Load() {
			err = t.arriver.Disown(ctx)
		}
	}
	if err == nil {
		t.machine.owned.Store(r.Fate == handoff.Running)
		err = t.store.PutSession(&store.Session{TargetRecord: r, Instance: t.id, Peer: t.incoming.Peer, Since: time.Now().UTC()})
	}
	if err != nil {
		t.Note(fmt.Sprintf("move: write down that it is %v: %v", r.Fate, err))
		return handoff.WriteUnclear
	}
	return handoff.WriteDone
}

// Run lets the guest go: with its disks, which the source has let go.
func (t *moveTarget) Run(ctx context.Context) (handoff.Event, error) {
	if err := t.machine.host.LockDisks(); err != nil {
		return handoff.StartRefused, err
	}
	err := t.arriver.Enter(ctx)
	switch {
	case err == nil:
		return handoff.Started, nil
	case errors.Is(err, supervisor.ErrNotEntered):
		return handoff.StartRefused, errors.Join(err, t.machine.host.UnlockDisks())
	default:
		return handoff.StartFailed, err
	}
}

// Remove ends the machine before it has run.
func (t *moveTarget) Remove(context.Context) {
	t.machine.Discard()
	<-t.machine.Ended()
}

func (t *moveTarget) Lost() <-chan struct{} { return t.machine.Ended() }

func (t *moveTarget) Note(text string) {
	_, _ = fmt.Fprintf(t.log, "hull: %s\n", text) // the log tells of its own failures
}

// Log keeps what was logged before the machine came.
func (t *moveTarget) Log(part []byte, first bool) error {
	if first {
		t.closeLog()
		f, err := os.OpenFile(t.earlierPath(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		t.earlier = f
	}
	_, err := t.earlier.Write(part)
	return err
}

func (t *moveTarget) earlierPath() string {
	return filepath.Join(t.store.Dir(t.id), logs.EarlierName)
}

func (t *moveTarget) LogEnd() error {
	if t.earlier == nil {
		return nil // there was none
	}
	err := errors.Join(t.earlier.Sync(), t.earlier.Close())
	t.earlier = nil
	if err != nil {
		return err
	}
	return t.writer.TakeEarlier()
}

// closeLog forgets what has come of a log that did not come whole.
func (t *moveTarget) closeLog() {
	if t.earlier == nil {
		return
	}
	_ = t.earlier.Close()
	_ = os.Remove(t.earlierPath())
	t.earlier = nil
}

// Enter lets the guest of a machine go that has come from another host.
func (m *machine) Enter(ctx context.Context, paused bool) error {
	if paused {
		return nil // Resume does it
	}
	err := m.ask(ctx, func(c *control.Client) error { return c.Start(ctx) })
	var refused *control.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", supervisor.ErrNotEntered, err)
	}
	if err == nil {
		m.arrived = false
	}
	return err
}
