package passthrough

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// reserve is how many descriptors are kept for what is not the guest's: the
// socket, the runtime's own, and those that a request holds while it runs.
const reserve = 256

// budget bounds the descriptors that the guest makes the server hold.
type budget struct {
	max  int64
	used atomic.Int64
}

func newBudget(limit int) (*budget, error) {
	if limit > 0 {
		return &budget{max: int64(limit)}, nil
	}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return nil, err
	}
	n := int64(min(r.Cur, 1<<30))
	return &budget{max: max(n-reserve, n/2)}, nil
}

// take asks for one descriptor; ENFILE where there is none left.
func (b *budget) take() error {
	if b.used.Add(1) > b.max {
		b.used.Add(-1)
		return unix.ENFILE
	}
	return nil
}

// tight reports that three quarters are in use.
func (b *budget) tight() bool { return b.used.Load() >= b.max-b.max/4 }

// give returns one descriptor.
func (b *budget) give() { b.giveN(1) }

func (b *budget) giveN(n int) { b.used.Add(int64(-n)) }
