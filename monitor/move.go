package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/hullvm/hull/migrate/pages"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmm"
	"github.com/hullvm/hull/vmstate"
)

// moves is the handler's part of a machine that goes to another host.
type moves struct {
	mu sync.Mutex // guards the pointer
	on *move      // nil while none is under way
}

// move is one that is under way. handler.writing guards what changes.
type move struct {
	sender *pages.Sender
	epoch  uint32           // of the last pass
	left   *memfile.PageSet // what is to be sent next; nil for all
	failed error            // no pass can follow
	verify bool             // the state says what memory holds
}

// moving is the move that is under way, nil for none.
func (h *handler) moving() *move {
	h.moves.mu.Lock()
	defer h.moves.mu.Unlock()
	return h.moves.on
}

// write holds writing for a step of a snapshot, which a move excludes: a pass of one
// may take long, and nobody is to wait for it.
func (h *handler) write() error {
	if err := h.notMoving(); err != nil {
		return err
	}
	h.writing.Lock()
	err := h.notMoving()
	if err != nil {
		h.writing.Unlock()
	}
	return err
}

func (h *handler) notMoving() error {
	if h.moving() != nil {
		return control.Errorf(control.WrongState, "save: the machine is being moved to another host")
	}
	return nil
}

// DescribeMove says what a machine must have that can go on as this one.
func (h *handler) DescribeMove(ctx context.Context) ([]byte, error) {
	d, err := h.machine.Describe(ctx)
	return d, h.running(err)
}

// BeginMove starts the log, and takes the connections.
func (h *handler) BeginMove(_ context.Context, files []*os.File, o control.MoveOptions) error {
	if !h.writing.TryLock() {
		return control.Errorf(control.WrongState, "move: the machine is being saved, or moved already")
	}
	defer h.writing.Unlock()
	switch s := states[h.machine.State()]; {
	case s != control.Running && s != control.Paused:
		return control.Errorf(control.WrongState, "move: the machine is %s", s)
	case h.moving() != nil:
		return control.Errorf(control.WrongState, "move: the machine is being moved already")
	case h.precopied != nil:
		return control.Errorf(control.WrongState, "move: the machine is being saved")
	}
	m, err := h.newMove(files, o)
	if err != nil {
		return errors.Join(err, h.log.rest())
	}
	h.moves.mu.Lock()
	defer h.moves.mu.Unlock()
	h.moves.on = m
	return nil
}

func (h *handler) newMove(files []*os.File, o control.MoveOptions) (*move, error) {
	compression, err := encodingOf(o.Compression)
	if err != nil {
		return nil, err
	}
	conns, err := newStreams(files)
	if err != nil {
		return nil, control.Errorf(control.BadRequest, "move: %w", err)
	}
	if err := h.log.start(); err != nil {
		closeStreams(conns)
		return nil, err
	}
	sender, err := pages.NewSender(h.machine.Memory(), conns, pages.Options{
		Compression: compression, Rate: o.Rate, Pagemap: h.pagemap, Base: h.base,
	})
	if err != nil {
		closeStreams(conns)
		return nil, err
	}
	return &move{sender: sender, verify: o.Verify}, nil
}

func encodingOf(c control.Compression) (pages.Encoding, error) {
	if c == control.CompressAuto {
		return pages.Auto, nil
	}
	e, err := pages.ParseEncoding(string(c))
	if err != nil {
		err = control.Errorf(control.BadRequest, "move: %w", err)
	}
	return e, err
}

// MovePass sends what has changed since the last pass, at first all, and says how much
// has changed meanwhile.
func (h *handler) MovePass(ctx context.Context) (control.MovedPass, error) {
	m, err := h.step()
	if err != nil {
		return control.MovedPass{}, err
	}
	defer h.writing.Unlock()
	if m.epoch == 0 {
		// What has changed by now is in the first pass.
		if _, err := h.log.fetch(); err != nil {
			return control.MovedPass{}, m.fails(err)
		}
	}
	pass, err := m.pass(ctx)
	if err != nil {
		return pass, err
	}
	if m.left, err = h.log.fetch(); err != nil {
		return pass, m.fails(err)
	}
	pass.Left = m.left.Bytes()
	return pass, nil
}

// step is the move, where another pass can follow, with writing held.
func (h *handler) step() (*move, error) {
	h.writing.Lock()
	m := h.moving()
	var err error
	switch {
	case m == nil:
		err = control.Errorf(control.WrongState, "move: none was begun")
	case m.failed != nil:
		err = control.Errorf(control.WrongState, "move: it has failed, and can only be ended: %w", m.failed)
	}
	if err != nil {
		h.writing.Unlock()
	}
	return m, err
}

func (m *move) fails(err error) error {
	m.failed = err
	return err
}

// pass sends what is left.
func (m *move) pass(ctx context.Context) (control.MovedPass, error) {
	m.epoch++
	p, err := m.sender.Pass(ctx, m.epoch, m.left)
	if err != nil {
		return control.MovedPass{}, m.fails(err)
	}
	return control.MovedPass{Epoch: m.epoch, Pages: p.Pages, Zero: p.Zero, Data: p.Data, Wire: p.Wire, Took: p.Took}, nil
}

// MoveLast writes the state of a paused machine, and sends the last pages. Nobody
// resumes it meanwhile.
func (h *handler) MoveLast(ctx context.Context, f *os.File) (control.MovedLast, error) {
	m, err := h.step()
	if err != nil {
		return control.MovedLast{}, err
	}
	defer h.writing.Unlock()
	h.saving.Lock()
	defer h.saving.Unlock()
	last, err := h.moveLast(ctx, m, f)
	if errors.Is(err, vmm.ErrNotPaused) || errors.Is(err, vmm.ErrNotRunning) {
		err = control.Errorf(control.WrongState, "move: the machine is %v, and has to be paused", h.machine.State())
	}
	return last, err
}

func (h *handler) moveLast(ctx context.Context, m *move, f *os.File) (last control.MovedLast, err error) {
	state := vmstate.New()
	if err := h.machine.Save(ctx, state); err != nil {
		return last, err
	}
	// The disks take their time, and so does memory; the guest waits for both.
	flushed := make(chan error, 1)
	go func() {
		// The second has what the first has found out to be free, and then there is
		// nothing left that would be written some time.
		flushed <- errors.Join(h.flush(), h.flush())
	}()
	last.MovedPass, err = h.lastPages(ctx, m)
	if err == nil && m.verify {
		err = putSum(ctx, state, h.machine.Memory(), h.pagemap)
	}
	if err == nil {
		last.State, last.StateSum, err = writeState(f, state)
	}
	if ferr := <-flushed; ferr != nil {
		err = errors.Join(err, ferr)
	}
	return last, err
}

// lastPages sends what has changed by the time that the state was read.
func (h *handler) lastPages(ctx context.Context, m *move) (control.MovedPass, error) {
	changed, err := h.log.fetch()
	if err == nil && m.left != nil {
		err = m.left.AddAll(changed)
	}
	if err != nil {
		return control.MovedPass{}, m.fails(err)
	}
	pass, err := m.pass(ctx)
	if err != nil {
		return pass, err
	}
	// A guest that goes on here after all is sent further from this on.
	if m.left, err = h.log.none(); err != nil {
		return pass, m.fails(err)
	}
	return pass, nil
}

// LimitMove changes how fast memory goes, and the guest.
func (h *handler) LimitMove(_ context.Context, l control.MoveLimits) error {
	h.moves.mu.Lock()
	defer h.moves.mu.Unlock()
	if h.moves.on == nil {
		return control.Errorf(control.WrongState, "move: none was begun")
	}
	h.moves.on.sender.SetRate(l.Rate)
	return h.running(h.machine.Throttle(l.Throttle))
}

// EndMove gives a move up, or what it has left.
func (h *handler) EndMove(context.Context) error {
	if m := h.moving(); m != nil {
		m.sender.Close() // ends a pass that is under way
	}
	h.writing.Lock()
	defer h.writing.Unlock()
	h.moves.mu.Lock()
	defer h.moves.mu.Unlock()
	m := h.moves.on
	if m == nil {
		return nil
	}
	h.moves.on = nil
	m.sender.Close()
	err := h.machine.Throttle(0)
	if errors.Is(err, vmm.ErrNotRunning) {
		err = nil // and is off for that
	}
	if err = errors.Join(err, h.log.rest()); err != nil {
		return fmt.Errorf("move: end: %w", err)
	}
	return nil
}
