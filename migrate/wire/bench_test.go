package wire

import (
	"io"
	"net"
	"testing"
)

// loopback is both ends of a TCP connection.
func loopback(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return a, b
}

// largest is a memory frame of 512 pages, each a run of its own, as pages sends it.
func largest() [][]byte {
	return [][]byte{make([]byte, 16), make([]byte, 512*16), make([]byte, 512*page)}
}

// BenchmarkMemoryFrames sends the largest frames over a connection of this host.
func BenchmarkMemoryFrames(b *testing.B) {
	a, z := loopback(b)
	load := largest()
	b.SetBytes(512 * page)
	b.ReportAllocs()
	done := make(chan error)
	go func() {
		in := New(z)
		for {
			if _, err := in.Read(); err != nil {
				done <- err
				return
			}
		}
	}()
	out := New(a)
	for b.Loop() {
		if err := out.Write(TypeMemory, load...); err != nil {
			b.Fatal(err)
		}
	}
	a.Close()
	if err := <-done; err != io.EOF {
		b.Fatal(err)
	}
}

// BenchmarkWriteFrame is one side's work without a socket: the checksum.
func BenchmarkWriteFrame(b *testing.B) {
	out := New(struct {
		io.Reader
		io.Writer
	}{nil, io.Discard})
	load := largest()
	b.SetBytes(512 * page)
	b.ReportAllocs()
	for b.Loop() {
		if err := out.Write(TypeMemory, load...); err != nil {
			b.Fatal(err)
		}
	}
}

// Sending and reading frames one after the other takes no memory.
func TestFramesTakeNoMemory(t *testing.T) {
	a, z := loopback(t)
	load := largest()
	ask := make(chan struct{})
	done := make(chan error)
	go func() {
		in := New(z)
		for range ask {
			_, err := in.Read()
			done <- err
		}
	}()
	defer close(ask)
	out := New(a)
	allocs := testing.AllocsPerRun(20, func() {
		ask <- struct{}{}
		if err := out.Write(TypeMemory, load...); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations for each frame", allocs)
	}
}
