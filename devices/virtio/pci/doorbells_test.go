package pci

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// doorbells is a hypervisor's.
type doorbells struct {
	mu   sync.Mutex
	fds  map[uint64]int
	rung int
	fail error
}

func newDoorbells() *doorbells { return &doorbells{fds: make(map[uint64]int)} }

func (d *doorbells) Add(addr uint64, fd int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	if _, ok := d.fds[addr]; ok {
		return fmt.Errorf("there is one at %#x", addr)
	}
	d.fds[addr] = fd
	return nil
}

func (d *doorbells) Remove(addr uint64, fd int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if was, ok := d.fds[addr]; !ok || was != fd {
		return errors.New("there is none")
	}
	delete(d.fds, addr)
	return nil
}

func (d *doorbells) list() []uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.fds))
}

func (d *doorbells) ring(addr uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	fd, ok := d.fds[addr]
	if ok {
		d.rung++
		_, _ = unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
	return ok
}
