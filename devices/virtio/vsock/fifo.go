package vsock

// fifo is a queue of streams. It does not shrink: it holds at most all of them.
type fifo struct {
	streams []*stream
	first   int
}

func (f *fifo) len() int { return len(f.streams) - f.first }

func (f *fifo) push(s *stream) { f.streams = append(f.streams, s) }

// peek is the oldest. The caller has seen that there is one.
func (f *fifo) peek() *stream { return f.streams[f.first] }

func (f *fifo) pop() *stream {
	s := f.streams[f.first]
	f.streams[f.first] = nil
	if f.first++; f.first*2 >= len(f.streams) {
		n := copy(f.streams, f.streams[f.first:])
		clear(f.streams[n:])
		f.streams, f.first = f.streams[:n], 0
	}
	return s
}
