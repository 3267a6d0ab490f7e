package monitor

import (
	"bytes"
	"context"
	"os"

	"github.com/hullvm/hull/migrate/pages"
	"github.com/hullvm/hull/vmstate"
)

// memorySection is the state's, of a machine whose memory is compared on both hosts.
const (
	memorySection = "memory"
	memoryVersion = 1
)

type memorySum struct {
	Sum []byte `cbor:"1,keyasint"` // pages.Sum
}

// putSum puts into the state what memory holds, all of which was sent.
func putSum(ctx context.Context, s *vmstate.State, m pages.Memory, pagemap *os.File) error {
	sum, err := pages.Sum(ctx, m, pagemap)
	if err != nil {
		return err
	}
	return s.Out(memorySection).Put(memoryVersion, memorySum{Sum: sum[:]})
}

// checkSum holds memory against what the state says of it, if it says something.
func checkSum(ctx context.Context, s *vmstate.State, m pages.Memory, pagemap *os.File) error {
	in := s.In(memorySection)
	if !in.Has() {
		return nil
	}
	var want memorySum
	if _, err := in.Get(memoryVersion, &want); err != nil {
		return err
	}
	sum, err := pages.Sum(ctx, m, pagemap)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum[:], want.Sum) {
		return in.Refuse("what has arrived is not what was sent")
	}
	return nil
}
