package vsock

// What a connection's window may be, in bytes: how much its host may leave
// unread.
const (
	minWindow = 4 << 10
	maxWindow = 256 << 10
)

// windowShare is the part of the spare memory that one more connection may have.
const windowShare = 256

// budget shares memory out to the windows of connections. Every connection up to
// the limit gets minWindow; those made while there are few get more, since a
// window that the guest was told of cannot be taken back.
type budget struct {
	spare int64 // bytes, beyond minWindow for each connection that there may be
}

func newBudget(memory int64, connections int) budget {
	return budget{spare: memory - int64(connections)*minWindow}
}

// take gives a connection its window.
func (b *budget) take() uint32 {
	window := min(minWindow+b.spare/windowShare, maxWindow) &^ (minWindow - 1)
	b.spare -= window - minWindow
	return uint32(window)
}

// put takes a window back.
func (b *budget) put(window uint32) { b.spare += int64(window) - minWindow }
