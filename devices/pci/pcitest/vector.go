package pcitest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hullvm/hull/devices/pci"
)

// Vectors makes vectors and keeps them.
type Vectors struct {
	mu  sync.Mutex
	all []*Vector

	// FailAt makes the n-th vector, counted from 1, fail; 0 for none.
	FailAt int
}

// Make is a pci.VectorMaker.
func (v *Vectors) Make(name string) (pci.Vector, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.FailAt == len(v.all)+1 {
		return nil, errors.New("no more vectors")
	}
	n := &Vector{name: name, fd: 1000 + len(v.all), masked: true}
	v.all = append(v.all, n)
	return n, nil
}

// At is the i-th vector.
func (v *Vectors) At(i int) *Vector {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all[i]
}

// Open counts the vectors that are not closed.
func (v *Vectors) Open() (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, x := range v.all {
		if !x.isClosed() {
			n++
		}
	}
	return n
}

// Vector is a pci.Vector that counts the messages it would have sent.
type Vector struct {
	name string
	fd   int

	mu      sync.Mutex // guards what follows
	masked  bool
	pending bool
	closed  bool
	message pci.Message
	sent    []pci.Message
	calls   []string
	fail    error
	arrived chan struct{}
}

// Raise sends the message, or keeps it while masked.
func (v *Vector) Raise() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.masked {
		v.pending = true
		return
	}
	v.sendLocked()
}

func (v *Vector) sendLocked() {
	v.sent = append(v.sent, v.message)
	if v.arrived != nil {
		select {
		case v.arrived <- struct{}{}:
		default:
		}
	}
}

// FD is a number that no other vector has; there is no such descriptor.
func (v *Vector) FD() int { return v.fd }

// Set takes a message.
func (v *Vector) Set(m pci.Message) error {
	return v.call(fmt.Sprintf("set %#x %#x", m.Addr, m.Data), func() { v.message = m })
}

// Mask masks.
func (v *Vector) Mask() error { return v.call("mask", func() { v.masked = true }) }

// Unmask unmasks and sends what was kept.
func (v *Vector) Unmask() error {
	return v.call("unmask", func() {
		v.masked = false
		if v.pending {
			v.pending = false
			v.sendLocked()
		}
	})
}

// Pending reports whether something is kept.
func (v *Vector) Pending() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pending
}

// Close ends the vector.
func (v *Vector) Close() error { return v.call("close", func() { v.closed = true }) }

func (v *Vector) isClosed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closed
}

func (v *Vector) call(what string, f func()) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		panic(v.name + ": " + what + " after close")
	}
	v.calls = append(v.calls, what)
	if v.fail != nil && what != "close" {
		return v.fail
	}
	f()
	return nil
}

// Calls lists what was called since the last time, and forgets it.
func (v *Vector) Calls() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := slices.Clone(v.calls)
	v.calls = nil
	return c
}

// Sent lists the messages sent since the last time, and forgets them.
func (v *Vector) Sent() []pci.Message {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.sent
	v.sent = nil
	return s
}

// State is what the vector would do with an interrupt now.
func (v *Vector) State() (m pci.Message, masked bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.message, v.masked
}

// Fail makes Set, Mask and Unmask return err from now on.
func (v *Vector) Fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fail = err
}

// Arrived gets a value when a message is sent and it is empty.
func (v *Vector) Arrived() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.arrived == nil {
		v.arrived = make(chan struct{}, 1)
	}
	return v.arrived
}
