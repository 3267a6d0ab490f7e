package vsock

import (
	"bytes"
	"testing"
)

func TestWindowsAddUpToNoMoreThanTheMemory(t *testing.T) {
	for _, test := range []struct {
		memory      int64
		connections int
	}{
		{DefaultMemory, DefaultConnections},
		{minWindow, 1},
		{maxWindow, 1},
		{100 * minWindow, 100},
		{1 << 20, 100},
		{1 << 30, 100},
	} {
		b := newBudget(test.memory, test.connections)
		for range 3 {
			var windows []uint32
			var total int64
			for i := range test.connections {
				w := b.take()
				if w < minWindow || w > maxWindow || w%minWindow != 0 {
					t.Fatalf("%+v: window %d is of %d bytes", test, i, w)
				}
				windows = append(windows, w)
				total += int64(w)
			}
			if total > test.memory {
				t.Errorf("%+v: windows add up to %d bytes", test, total)
			}
			for _, w := range windows {
				b.put(w)
			}
		}
	}
	b := newBudget(DefaultMemory, DefaultConnections)
	for i := range 100 {
		if w := b.take(); w != maxWindow {
			t.Errorf("window %d is of %d bytes, want %d: there is memory enough", i, w, maxWindow)
		}
	}
}

// FuzzBacklog compares with a buffer that only grows.
func FuzzBacklog(f *testing.F) {
	f.Add([]byte{10, 0x85, 200, 0xff, 1, 2, 3, 0xff})
	f.Add([]byte{127, 127, 0x90, 127, 0x81, 0x81, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, steps []byte) {
		const window = minWindow
		var b backlog
		var oracle []byte
		next := byte(0)
		for _, step := range steps {
			n := int(step&0x7f) * 33
			if step < 0x80 {
				n = min(n, window-b.n)
				if n == 0 {
					continue
				}
				p, q := b.room(n, window)
				if len(p)+len(q) != n {
					t.Fatalf("room for %d and %d bytes, want %d", len(p), len(q), n)
				}
				for _, part := range [][]byte{p, q} {
					for i := range part {
						part[i] = next
						oracle = append(oracle, next)
						next++
					}
				}
			} else if n = min(n, b.n); n > 0 {
				b.drop(n)
				oracle = oracle[n:]
			}
			if got := bytes.Join(b.parts(nil), nil); !bytes.Equal(got, oracle) || b.n != len(oracle) {
				t.Fatalf("holds %d bytes, want %d", len(got), len(oracle))
			}
			if b.n == 0 && b.ring != nil {
				t.Fatal("an empty one keeps its memory")
			}
		}
	})
}

func TestQueuesOfStreamsKeepTheirOrder(t *testing.T) {
	var f fifo
	streams := make([]stream, 100)
	in, out := 0, 0
	for round := range 60 {
		for range round % 7 {
			if in < len(streams) {
				f.push(&streams[in])
				in++
			}
		}
		for range round % 5 {
			if f.len() == 0 {
				break
			}
			if f.peek() != &streams[out] || f.pop() != &streams[out] {
				t.Fatalf("stream %d is not the next", out)
			}
			out++
		}
		if f.len() != in-out {
			t.Fatalf("holds %d, want %d", f.len(), in-out)
		}
	}
}
