package vsock

import (
	"io"
	"testing"
)

// BenchmarkRoundTrip is a byte from the monitor to a guest's process and one back.
func BenchmarkRoundTrip(b *testing.B) {
	g := newGuest(b, guestOptions{event: true})
	c, s := g.pairUp()
	go func() { _, _ = io.Copy(s, s) }()
	p := make([]byte, 1)
	for b.Loop() {
		if _, err := c.Write(p); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, p); err != nil {
			b.Fatal(err)
		}
	}
	s.rst()
}
