package guestload

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"

	"golang.org/x/sys/unix"
)

const pageSize = 4096

// arena is memory whose every page is known: by the seed, its place, and how often it
// was written.
type arena struct {
	name    string
	seed    uint64
	memory  []byte
	written []uint32 // by page
}

func newArena(name string, seed uint64, size int) (*arena, error) {
	size = max(size/pageSize, 1) * pageSize
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("%s: map: %w", name, err)
	}
	return &arena{name: name, seed: seed, memory: b, written: make([]uint32, size/pageSize)}, nil
}

func (a *arena) page(i int) []byte { return a.memory[i*pageSize:][:pageSize] }

// word is what a word of a page is; a page that was never written is zero.
func (a *arena) word(page, i int) uint64 {
	n := a.written[page]
	if n == 0 {
		return 0
	}
	return mix(a.seed ^ uint64(page)<<40 ^ uint64(n)<<9 ^ uint64(i))
}

func (a *arena) write(page int) {
	a.written[page]++
	b := a.page(page)
	for i := 0; i < pageSize; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], a.word(page, i/8))
	}
}

func (a *arena) check(page int) error {
	b := a.page(page)
	for i := 0; i < pageSize; i += 8 {
		if got, want := binary.LittleEndian.Uint64(b[i:]), a.word(page, i/8); got != want {
			return fmt.Errorf("%s: page %d, written %d times: %#x at %d, not %#x", a.name, page, a.written[page], got, i, want)
		}
	}
	return nil
}

func (a *arena) checkAll() error {
	for i := range a.written {
		if err := a.check(i); err != nil {
			return err
		}
	}
	return nil
}

// mix is the finalizer of SplitMix64: equal words give equal words, near ones far ones.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fillMemory has a processor check pages and write them anew, in no order.
func (l *load) fillMemory(seed uint64, cpu, size int) error {
	name := fmt.Sprintf("memory %d", cpu)
	a, err := newArena(name, seed+uint64(cpu), size)
	if err != nil {
		return err
	}
	for i := range a.written {
		if i%16 != 0 { // some stay as the kernel gave them
			a.write(i)
		}
	}
	l.checks = append(l.checks, a.checkAll)
	choice := rand.New(rand.NewPCG(seed, uint64(cpu)))
	go func() {
		runtime.LockOSThread()
		l.note(pin(cpu))
		l.work(name, func() error {
			for range 16 {
				i := choice.IntN(len(a.written))
				if err := a.check(i); err != nil {
					return err
				}
				if i%16 != 0 {
					a.write(i)
				}
			}
			return nil
		})
	}()
	return nil
}

// churn takes memory and gives it back, so that the kernel tells the balloon of pages
// that it does not use, and uses them again.
func (l *load) churn(seed uint64) {
	choice := rand.New(rand.NewPCG(seed, 77))
	go l.work("churn", func() error {
		a, err := newArena("churn", choice.Uint64(), (1+choice.IntN(16))<<18)
		if err != nil {
			return err
		}
		if err := a.checkAll(); err != nil { // what the kernel gives is zero
			return err
		}
		for i := range a.written {
			a.write(i)
		}
		if err := a.checkAll(); err != nil {
			return err
		}
		return unix.Munmap(a.memory)
	})
}
