package wire

import (
	"bytes"
	"errors"
	"net"
	"testing"
)

// vectored is a stream that takes slices at once, and a single one only where it is a
// whole frame.
type vectored struct {
	bytes.Buffer
	vectors int
	fails   error
}

func (v *vectored) WriteVector(b *net.Buffers) (int64, error) {
	v.vectors++
	if v.fails != nil {
		return 0, v.fails
	}
	return b.WriteTo(&v.Buffer)
}

func TestLargeFramesAreOneVector(t *testing.T) {
	v := new(vectored)
	c := New(v)
	payload := bytes.Repeat([]byte("memory"), joinBelow)
	if err := c.Write(TypeMemory, payload[:16], payload[16:]); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteMessage(EpochDone{Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	if v.vectors != 1 {
		t.Errorf("%d vectors, want one of the large frame", v.vectors)
	}
	f, err := New(v).Read()
	if err != nil || f.Type != TypeMemory || !bytes.Equal(f.Payload, payload) {
		t.Errorf("read %v of %d bytes, %v", f.Type, len(f.Payload), err)
	}
	v.fails = errors.New("no")
	if err := c.Write(TypeMemory, payload); !errors.Is(err, v.fails) {
		t.Errorf("a write that fails: %v", err)
	}
}
