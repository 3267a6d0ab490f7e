package pages

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/snapshot/memfile"
)

const benchSize = 256 << 20

// contents are what memory is made of, page by page.
var contents = map[string]func(r *rand.Rand, b []byte){
	"random": func(r *rand.Rand, b []byte) {
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], r.Uint64())
		}
	},
	"text": func(r *rand.Rand, b []byte) {
		words := []string{"the ", "quick ", "brown ", "fox ", "jumps ", "over ", "a ", "lazy ", "dog ", "\x00\x00\x00\x00", "0x7f3a", "\n"}
		for i := 0; i < len(b); {
			i += copy(b[i:], words[r.IntN(len(words))])
		}
	},
	"zero": func(_ *rand.Rand, b []byte) { clear(b) },
}

func benchGuest(b *testing.B, content string) *mem.Guest {
	g := guestOf(b, benchSize)
	r := rand.New(rand.NewPCG(1, 1))
	page := make([]byte, PageSize)
	for a := mem.Addr(0); a < benchSize; a += PageSize {
		contents[content](r, page)
		if err := g.WriteAt(page, a); err != nil {
			b.Fatal(err)
		}
	}
	return g
}

// pairs are connections by kind.
var pairs = map[string]func(b testing.TB, n int) (x, y []net.Conn){
	"unix": socketPairs,
	"tcp": func(b testing.TB, n int) (x, y []net.Conn) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		for range n {
			d, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			a, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _, _ = a.Close(), d.Close() })
			x, y = append(x, d), append(y, a)
		}
		return x, y
	},
}

// BenchmarkMove has a move beside a plain copy of as many bytes over as many
// connections, which reads memory and writes it as a move has to: the ratio is how much
// of that speed is left.
func BenchmarkMove(b *testing.B) {
	for _, kind := range []string{"unix", "tcp"} {
		for _, n := range []int{1, 2, 4} {
			for _, content := range []string{"random", "text", "zero"} {
				for _, as := range []Encoding{None, LZ4, Zstd, Auto} {
					if as != None && as != Auto && content != "text" {
						continue
					}
					b.Run(fmt.Sprintf("%s-%d/%s/%v", kind, n, content, as), func(b *testing.B) {
						src, dst := benchGuest(b, content), benchGuest(b, "zero")
						benchMove(b, kind, n, src, dst, as)
					})
				}
			}
		}
	}
}

func benchMove(b *testing.B, kind string, n int, src, dst *mem.Guest, as Encoding) {
	all, err := memfile.Used(b.Context(), src, memfile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	x, y := pairs[kind](b, n)
	s, err := NewSender(src, x, Options{Compression: as})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r, err := NewReceiver(dst, y)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	go func() { _ = r.Run(context.Background()) }()
	var moved, plain time.Duration
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for epoch := uint32(1); b.Loop(); epoch++ {
		p, err := s.Pass(b.Context(), epoch, all)
		if err != nil {
			b.Fatal(err)
		}
		moved += p.Took
		b.StopTimer()
		plain += plainCopy(b, kind, n, src, dst)
		b.StartTimer()
	}
	b.ReportMetric(float64(plain)/float64(moved), "of-copy")
}

// plainCopy moves memory without looking at it.
func plainCopy(b *testing.B, kind string, n int, src, dst *mem.Guest) time.Duration {
	x, y := pairs[kind](b, n)
	begin := time.Now()
	var all sync.WaitGroup
	part := uint64(benchSize / n)
	for i := range n {
		base := mem.Addr(part * uint64(i))
		all.Go(func() {
			for off := uint64(0); off < part; off += 256 << 10 {
				if err := src.CopyTo(x[i], base+mem.Addr(off), 256<<10); err != nil {
					b.Error(err)
				}
			}
			_ = x[i].Close()
		})
		all.Go(func() {
			buf := make([]byte, 256<<10)
			for off := uint64(0); off < part; off += uint64(len(buf)) {
				if _, err := io.ReadFull(y[i], buf); err != nil {
					b.Error(err)
					return
				}
				if err := dst.WriteAt(buf, base+mem.Addr(off)); err != nil {
					b.Error(err)
				}
			}
			_ = y[i].Close()
		})
	}
	all.Wait()
	return time.Since(begin)
}
