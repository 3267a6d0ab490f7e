package memfile

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hullvm/hull/mem"
)

func TestTheFirstChunkThatIsWrongIsFound(t *testing.T) {
	f, r := written(t, used(t, mem.Options{Size: small}), Options{})
	rng := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		// Two bytes are changed, in holes as well as in data.
		at := []int64{rng.Int64N(small), rng.Int64N(small)}
		var was [2][1]byte
		for i, off := range at {
			if _, err := f.ReadAt(was[i][:], off); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{was[i][0] ^ 0x10}, off); err != nil {
				t.Fatal(err)
			}
		}
		var bad *ChunkError
		err := Verify(t.Context(), f, r.Sums, nil)
		if want := min(at[0], at[1]) / ChunkSize * ChunkSize; !errors.As(err, &bad) || bad.Offset != want || !errors.Is(err, ErrCorrupt) {
			t.Fatalf("changed at %#x: error %v, want one of the chunk at %d", at, err, want)
		}
		for i, off := range at {
			if _, err := f.WriteAt(was[i][:], off); err != nil {
				t.Fatal(err)
			}
		}
	}
	var last int64
	if err := Verify(t.Context(), f, r.Sums, func(done, _ int64) { last = done }); err != nil || last != small {
		t.Errorf("as it was: %v, after %d bytes", err, last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Verify(ctx, f, r.Sums, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := f.Truncate(small - PageSize); err != nil {
		t.Fatal(err)
	}
	if err := Verify(t.Context(), f, r.Sums, nil); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "it has") {
		t.Errorf("a page less: %v", err)
	}
}
