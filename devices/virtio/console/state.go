package console

import (
	"slices"

	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of the section below.
const stateVersion = 1

// maxInput is the most input that is kept, in bytes.
const maxInput = 64 << 10

// state is the section of a console. What the guest has sent is none of it: that
// is its writer's, and goes out where it was sent.
type state struct {
	Cols     uint16 `cbor:"1,keyasint"` // of the terminal
	Rows     uint16 `cbor:"2,keyasint"`
	ReadCols uint16 `cbor:"3,keyasint"` // as the driver has read them last
	ReadRows uint16 `cbor:"4,keyasint"`
	Input    []byte `cbor:"5,keyasint"` // what the guest has not taken
}

var _ vmstate.Keeper = (*Console)(nil)

// Save writes the size and the input of the Write that is under way, as far as the
// guest has not taken it: the first maxInput bytes.
func (d *Console) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, read := unpack(d.size.Load()), unpack(d.read.Load())
	input := slices.Concat(d.early, d.waiting[:min(len(d.waiting), maxInput-len(d.early))])
	return out.Put(stateVersion, state{Cols: now.cols, Rows: now.rows, ReadCols: read.cols, ReadRows: read.rows, Input: input})
}

// Load takes over what the driver knows of the size, and input that goes to the
// guest before any other. The size itself is the terminal's here, and only without
// one the old terminal's.
func (d *Console) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	if len(s.Input) > maxInput {
		return in.Refuse("console %q: input of %d bytes: the most is %d", d.name, len(s.Input), maxInput)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size.CompareAndSwap(0, size{s.Cols, s.Rows}.pack())
	d.read.Store(size{s.ReadCols, s.ReadRows}.pack())
	d.early = s.Input
	return nil
}

// deliver has input that was loaded go to the guest, though nobody writes more.
func (d *Console) deliver() {
	d.mu.Lock()
	due := len(d.early) > 0 && !d.delivering
	d.delivering = d.delivering || due
	d.mu.Unlock()
	if due {
		// It ends when the guest has taken all of it, or with Close.
		go func() { _, _ = d.Write(nil) }()
	}
}
