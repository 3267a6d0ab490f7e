package virtqtest

import (
	"bytes"
	"testing"
	"time"
)

// Add makes a request of buffers that the device reads and then of buffers of
// given lengths that it writes. It is the driver's error where the ring is full:
// it panics. The device sees the request at once, and is told of it by Kick.
func (d *Driver) Add(readable [][]byte, writable []int) Token {
	token, ok := d.TryAdd(readable, writable)
	if !ok {
		panic("virtqtest: the ring is full")
	}
	return token
}

// TryAdd is Add, and reports false where the ring is full.
func (d *Driver) TryAdd(readable [][]byte, writable []int) (Token, bool) {
	token, ok := d.Stage(readable, writable)
	d.Publish()
	return token, ok
}

// Stage is TryAdd for a request that the device does not see before Publish.
func (d *Driver) Stage(readable [][]byte, writable []int) (Token, bool) {
	if !d.fits(len(readable) + len(writable)) {
		return 0, false
	}
	var buffers []Buffer
	for _, p := range readable {
		b := Buffer{Addr: d.Memory.Alloc(uint64(len(p))), Len: uint32(len(p))}
		must(d.Memory.WriteAt(p, b.Addr))
		buffers = append(buffers, b)
	}
	for _, n := range writable {
		b := Buffer{Addr: d.Memory.Alloc(uint64(n)), Len: uint32(n), Write: true}
		must(d.Memory.WriteAt(bytes.Repeat([]byte{poison}, n), b.Addr))
		buffers = append(buffers, b)
	}
	return d.stage(buffers, true), true
}

// Publish shows the device what was staged, all at once.
func (d *Driver) Publish() { d.ring.publish() }

// AddBuffers makes a request of buffers as they are, anywhere and in any order:
// what a driver must not do as well. It panics where the ring is full.
func (d *Driver) AddBuffers(buffers ...Buffer) Token {
	if !d.fits(len(buffers)) {
		panic("virtqtest: the ring is full")
	}
	token := d.stage(buffers, false)
	d.Publish()
	return token
}

// fits reports whether a chain of n buffers has room, at least in a table.
func (d *Driver) fits(n int) bool {
	if d.options.Indirect {
		n = 1
	}
	return n <= d.ring.room()
}

// direct is how many of a chain's buffers get a descriptor of the ring's own.
func (d *Driver) direct(n int) int {
	r := d.options.Rand
	switch {
	case !d.options.Indirect:
		return n
	case n > d.ring.room():
		return 0
	case r == nil:
		if n == 1 {
			return 1
		}
		return 0
	case d.options.Packed || d.ring.room() < n+1:
		return n * r.IntN(2)
	default:
		return min(n, r.IntN(n+2)) // a table may follow descriptors
	}
}

func (d *Driver) stage(buffers []Buffer, owned bool) Token {
	d.token++
	q := request{token: d.token, buffers: buffers, owned: owned}
	direct := d.direct(len(buffers))
	if table := buffers[direct:]; len(table) > 0 {
		q.tableSize = uint64(len(table)) * descriptorSize
		q.table = d.Memory.Alloc(q.tableSize)
		d.ring.encodeTable(q.table, table)
	}
	id := d.ring.stage(buffers[:direct], q.table, uint32(q.tableSize))
	if _, ok := d.requests[id]; ok {
		panic("virtqtest: a chain's name was given twice")
	}
	d.requests[id] = q
	d.order = append(d.order, q.token)
	return q.token
}

// Poll takes the next used request, and reports false where there is none. What
// the device must not do makes it panic.
func (d *Driver) Poll() (Used, bool) {
	id, written, ok := d.ring.take()
	if !ok {
		return Used{}, false
	}
	q, ok := d.requests[id]
	if !ok {
		panic("virtqtest: the device used a chain that it was not given")
	}
	delete(d.requests, id)
	d.checkOrder(q.token)
	if d.interrupt {
		d.ring.interrupts(true) // for the next one
	}
	u := Used{Token: q.token, Written: written}
	if q.tableSize > 0 {
		d.Memory.Free(q.table, q.tableSize)
	}
	for _, b := range q.buffers {
		if !q.owned {
			break
		}
		if b.Write {
			p := make([]byte, b.Len)
			must(d.Memory.ReadAt(p, b.Addr))
			u.Writable = append(u.Writable, p)
		}
		d.Memory.Free(b.Addr, uint64(b.Len))
	}
	return u, true
}

func (d *Driver) checkOrder(used Token) {
	for i, t := range d.order {
		if t != used {
			continue
		}
		if i > 0 && d.options.InOrder {
			panic("virtqtest: the device used a request before an older one")
		}
		d.order = append(d.order[:i], d.order[i+1:]...)
		return
	}
}

// Wait takes the next used request, and waits for interrupts while there is
// none.
func (d *Driver) Wait(t testing.TB) Used {
	t.Helper()
	if !d.interrupt {
		d.Interrupts(true)
	}
	timeout := time.NewTimer(deadline)
	defer timeout.Stop()
	for {
		if u, ok := d.Poll(); ok {
			return u
		}
		select {
		case <-d.Interrupt.C:
		case <-timeout.C:
			u, ok := d.Poll()
			if ok {
				t.Fatalf("request %d was used without an interrupt", u.Token)
			}
			t.Fatalf("waited %v for the device with %d requests under way", deadline, d.Pending())
		}
	}
}

// WaitFor takes used requests until the one of token is among them, which it
// returns. The others are dropped.
func (d *Driver) WaitFor(t testing.TB, token Token) Used {
	t.Helper()
	for {
		if u := d.Wait(t); u.Token == token {
			return u
		}
	}
}

// Do adds a request, notifies, and waits for it.
func (d *Driver) Do(t testing.TB, readable [][]byte, writable []int) Used {
	t.Helper()
	token := d.Add(readable, writable)
	d.Kick()
	return d.WaitFor(t, token)
}

// must holds for accesses to what the driver allocated.
func must(err error) {
	if err != nil {
		panic("virtqtest: " + err.Error())
	}
}

func value[T any](v T, err error) T {
	must(err)
	return v
}
