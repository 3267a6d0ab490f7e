package monitortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmstate"
)

// section is the one that the state of this machine has.
const section = "test"

// began reads the state that the machine is to go on from; empty for none.
func began(files *handover.Files) (string, error) {
	state, memory := files.TakeOne(handover.State, ""), files.TakeOne(handover.Memory, "")
	for _, m := range files.Take(handover.Map, "") {
		_ = m.Close() // this machine has nothing that could be laid over anything
	}
	if state == nil {
		return "", nil
	}
	defer state.Close()
	defer memory.Close()
	s, err := vmstate.Read(state)
	if err != nil {
		return "", err
	}
	return wordOf(s)
}

// wordOf is what a state says.
func wordOf(s *vmstate.State) (word string, err error) {
	if _, err := s.In(section).Get(1, &word); err != nil {
		return "", err
	}
	return word, s.Unknown()
}

// stateOf is the state that this machine has, as it is written.
func stateOf() ([]byte, error) {
	s := vmstate.New()
	if err := s.Out(section).Put(1, fmt.Sprintf("saved by %d", os.Getpid())); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := s.Write(&b)
	return b.Bytes(), err
}

// Save writes down a machine that has nothing: a state of one section, and memory
// of the description's size.
func (h *handler) Save(ctx context.Context, f control.SaveFiles, o control.SaveOptions) (control.Saved, error) {
	h.mu.Lock()
	paused, live, moving := h.state == control.Paused, h.live, h.movement != nil
	h.mu.Unlock()
	if moving {
		return control.Saved{}, control.Errorf(control.WrongState, "save: the machine is being moved to another host")
	}
	if o.Live && live == nil {
		return control.Saved{}, control.Errorf(control.WrongState, "save: nothing was written while the machine ran")
	}
	if !paused {
		return control.Saved{}, control.Errorf(control.WrongState, "save: the machine is not paused")
	}
	b, err := stateOf()
	if err != nil {
		return control.Saved{}, err
	}
	if _, err := f.State.Write(b); err != nil {
		return control.Saved{}, err
	}
	sum := sha256.Sum256(b)
	if o.Live {
		return control.Saved{State: int64(len(b)), StateSum: hex.EncodeToString(sum[:]), TSCKHz: 1}, nil
	}
	written, err := h.writeMemory(ctx, f.Memory)
	if err != nil {
		return control.Saved{}, err
	}
	digest := written.Sums.Digest()
	return control.Saved{
		Memory: written.Data, Digest: hex.EncodeToString(digest[:]),
		State: int64(len(b)), StateSum: hex.EncodeToString(sum[:]), TSCKHz: 1,
	}, written.Sums.Encode(f.Sums)
}

func (h *handler) writeMemory(ctx context.Context, f *os.File) (_ *memfile.Result, err error) {
	memory, err := h.newMemory()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	if err := memory.WriteAt([]byte(memoryWord), mem.PageSize); err != nil {
		return nil, err
	}
	return memfile.Write(ctx, f, memory, memfile.Options{})
}

// Precopy writes the memory, which never changes.
func (h *handler) Precopy(ctx context.Context, f *os.File, _ control.PrecopyOptions) (control.Precopied, error) {
	written, err := h.writeMemory(ctx, f)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live = written
	return control.Precopied{Passes: 1}, err
}

func (h *handler) SaveSums(_ context.Context, f *os.File) (control.Summed, error) {
	h.mu.Lock()
	written := h.live
	h.live = nil
	h.mu.Unlock()
	if written == nil {
		return control.Summed{}, control.Errorf(control.WrongState, "save: no memory was written that has no checksums")
	}
	digest := written.Sums.Digest()
	return control.Summed{Memory: written.Data, Digest: hex.EncodeToString(digest[:])}, written.Sums.Encode(f)
}

func (h *handler) ForgetSave(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live = nil
	return nil
}
