package monitortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/migrate/pages"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmstate"
)

// movement is a machine that goes to another monitor or comes from one. Its memory is
// real, and goes over real connections.
type movement struct {
	memory   *mem.Guest
	sender   *pages.Sender
	receiver *pages.Receiver
	epoch    uint32
}

// newMemory is memory of the description's size.
func (h *handler) newMemory() (*mem.Guest, error) {
	m, err := configs.Parse("machine.toml", []byte(h.description))
	if err != nil {
		return nil, err
	}
	return mem.New(mem.Options{Size: uint64(m.Memory.Size), Overcommit: true})
}

// memoryWord is what the guest's memory has in its second page.
const memoryWord = "memory"

func (h *handler) describe() ([]byte, error) {
	m, err := configs.Parse("machine.toml", []byte(h.description))
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "a test's machine of %d bytes", m.Memory.Size), nil
}

func (h *handler) DescribeMove(context.Context) ([]byte, error) { return h.describe() }

// JudgeMove takes a machine of as much memory.
func (h *handler) JudgeMove(_ context.Context, d []byte) ([]string, error) {
	here, err := h.describe()
	if err != nil || bytes.Equal(here, d) {
		return nil, err
	}
	return []string{fmt.Sprintf("it is %.100q, and this is %q", d, here)}, nil
}

// wants holds the machine's state against what an operation needs.
func (h *handler) wants(states ...control.State) error {
	for _, s := range states {
		if h.state == s && !h.guest.over() {
			return nil
		}
	}
	return control.Errorf(control.WrongState, "the machine is %s", h.state)
}

func connect(files []*os.File) (conns []net.Conn, err error) {
	for _, f := range files {
		c, err := net.FileConn(f)
		if err != nil {
			for _, c := range conns {
				_ = c.Close()
			}
			return nil, control.Errorf(control.BadRequest, "connection: %w", err)
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func (h *handler) BeginMove(_ context.Context, files []*os.File, o control.MoveOptions) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.wants(control.Running, control.Paused); err != nil {
		return err
	}
	if h.movement != nil || h.live != nil {
		return control.Errorf(control.WrongState, "the machine is moved, or saved, already")
	}
	compression := pages.Auto
	if o.Compression != control.CompressAuto {
		var err error
		if compression, err = pages.ParseEncoding(string(o.Compression)); err != nil {
			return control.Errorf(control.BadRequest, "%w", err)
		}
	}
	memory, err := h.newMemory()
	if err == nil {
		err = memory.WriteAt([]byte(memoryWord), mem.PageSize)
	}
	if err != nil {
		return err
	}
	conns, err := connect(files)
	if err != nil {
		return errors.Join(err, memory.Close())
	}
	m := &movement{memory: memory}
	if m.sender, err = pages.NewSender(memory, conns, pages.Options{Compression: compression, Rate: o.Rate}); err != nil {
		return errors.Join(err, memory.Close())
	}
	h.movement = m
	return nil
}

// sending is the movement of a machine that goes away.
func (h *handler) sending(states ...control.State) (*movement, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.wants(states...); err != nil {
		return nil, err
	}
	if h.movement == nil || h.movement.sender == nil {
		return nil, control.Errorf(control.WrongState, "no move was begun")
	}
	return h.movement, nil
}

func (m *movement) pass(ctx context.Context) (control.MovedPass, error) {
	var set *memfile.PageSet
	if m.epoch > 0 {
		var err error
		if set, err = memfile.NewPageSet(int64(m.memory.Size())); err != nil {
			return control.MovedPass{}, err
		}
		// The guest writes to one page, always.
		if err := set.Add(memfile.Extent{Offset: mem.PageSize, Size: mem.PageSize}); err != nil {
			return control.MovedPass{}, err
		}
	}
	m.epoch++
	p, err := m.sender.Pass(ctx, m.epoch, set)
	return control.MovedPass{Epoch: m.epoch, Pages: p.Pages, Zero: p.Zero, Data: p.Data, Wire: p.Wire, Took: p.Took, Left: mem.PageSize}, err
}

func (h *handler) MovePass(ctx context.Context) (control.MovedPass, error) {
	m, err := h.sending(control.Running, control.Paused)
	if err != nil {
		return control.MovedPass{}, err
	}
	return m.pass(ctx)
}

func (h *handler) MoveLast(ctx context.Context, f *os.File) (last control.MovedLast, err error) {
	m, err := h.sending(control.Paused)
	if err != nil {
		return last, err
	}
	b, err := stateOf()
	if err != nil {
		return last, err
	}
	if _, err := f.Write(b); err != nil {
		return last, err
	}
	last.MovedPass, err = m.pass(ctx)
	sum := sha256.Sum256(b)
	last.Left, last.State, last.StateSum = 0, int64(len(b)), hex.EncodeToString(sum[:])
	return last, err
}

func (h *handler) LimitMove(_ context.Context, l control.MoveLimits) error {
	m, err := h.sending(control.Running, control.Paused)
	if err != nil {
		return err
	}
	m.sender.SetRate(l.Rate)
	return nil
}

func (h *handler) EndMove(context.Context) error {
	h.mu.Lock()
	m := h.movement
	if m == nil || m.sender == nil {
		h.mu.Unlock()
		return nil
	}
	h.movement = nil
	h.mu.Unlock()
	m.sender.Close()
	return m.memory.Close()
}

func (h *handler) BeginReceive(_ context.Context, files []*os.File) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.wants(control.Ready); err != nil {
		return err
	}
	if !h.awaits || h.movement != nil {
		return control.Errorf(control.WrongState, "the machine waits for no other, or for one that comes already")
	}
	memory, err := h.newMemory()
	if err != nil {
		return err
	}
	conns, err := connect(files)
	if err != nil {
		return errors.Join(err, memory.Close())
	}
	m := &movement{memory: memory}
	if m.receiver, err = pages.NewReceiver(memory, conns); err != nil {
		return errors.Join(err, memory.Close())
	}
	go func() { _ = m.receiver.Run(context.Background()) }() // who waits hears of its error
	h.movement = m
	return nil
}

func (h *handler) receiving() (*movement, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.movement == nil || h.movement.receiver == nil {
		return nil, control.Errorf(control.WrongState, "nothing is received")
	}
	return h.movement, nil
}

func (h *handler) WaitReceived(ctx context.Context, epoch uint32) error {
	m, err := h.receiving()
	if err != nil {
		return err
	}
	if err := m.receiver.Wait(ctx, epoch); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	m.epoch = max(m.epoch, epoch)
	return nil
}

func (h *handler) LoadReceived(ctx context.Context, f *os.File) error {
	m, err := h.receiving()
	if err != nil {
		return err
	}
	h.mu.Lock()
	epoch := m.epoch
	h.mu.Unlock()
	s, err := vmstate.Read(f)
	if err != nil {
		return err
	}
	if err := m.receiver.Finish(ctx, epoch); err != nil {
		return err
	}
	got := make([]byte, len(memoryWord))
	if err := m.memory.ReadAt(got, mem.PageSize); err != nil || string(got) != memoryWord {
		return errors.Join(fmt.Errorf("the memory that came has %q, want %q", got, memoryWord), err)
	}
	from, err := wordOf(s)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.awaits = false
	_, err = fmt.Fprintf(h.guest.console, "goes on, %s\n", from)
	return err
}
