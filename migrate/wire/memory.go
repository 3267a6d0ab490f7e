package wire

import "fmt"

// minMemory is the head of a memory frame and one run, in bytes.
const minMemory = 16 + 16

// Memory is pages of the guest, as package pages writes and judges them.
type Memory struct {
	Payload []byte `cbor:"-"`
}

func (Memory) Type() Type { return TypeMemory }

func (m Memory) bytes() []byte { return m.Payload }

func (m Memory) judge() error { return checkLength(uint64(len(m.Payload)), minMemory, MaxMemory) }

func decodeMemory(payload []byte) (Message, error) { return Memory{payload}, nil }

// EpochEnd says that all of an epoch was sent on this connection.
type EpochEnd struct {
	Epoch  uint32 `cbor:"1,keyasint"`
	Frames uint64 `cbor:"2,keyasint"` // of memory, in the epoch, on the connection
	Pages  uint64 `cbor:"3,keyasint"` // in them, zero or not
}

func (EpochEnd) Type() Type { return TypeEpochEnd }

// judge knows that each frame has at least one page.
func (m EpochEnd) judge() error {
	if m.Pages < m.Frames || m.Pages > maxMemory/page || m.Frames == 0 && m.Pages != 0 {
		return fmt.Errorf("%d pages in %d frames", m.Pages, m.Frames)
	}
	return nil
}

// EpochDone says that all of an epoch that came over this connection is in memory.
type EpochDone struct {
	Epoch uint32 `cbor:"1,keyasint"`
}

func (EpochDone) Type() Type { return TypeEpochDone }

func (EpochDone) judge() error { return nil }
