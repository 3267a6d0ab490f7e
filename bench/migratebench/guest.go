package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// guestName is what this program is called in the guest.
const guestName = "migrateload"

// guestPort is where it answers datagrams: one that begins with orderWord tells it how
// much to write, any other comes back.
const (
	guestPort = 7003
	orderWord = "dirty "
)

// guestMain writes to some MiB of memory as it is told to, until it cannot.
func guestMain(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: " + guestName + " MIB")
	}
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	memory, err := unix.Mmap(-1, 0, size<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("%d MiB: %w", size, err)
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: guestPort})
	if err != nil {
		return err
	}
	w := &writer{memory: memory}
	for range memory[:len(memory)/pageSize] {
		w.page() // none is as the kernel gave it
	}
	go w.write()
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDP(b)
		if err != nil {
			return err
		}
		if rest, found := bytes.CutPrefix(b[:n], []byte(orderWord)); found {
			if rate, err := strconv.Atoi(string(rest)); err == nil {
				w.rate.Store(int64(rate))
			}
		}
		_, _ = c.WriteToUDP(b[:n], from) // whoever asks will ask again
	}
}

const pageSize = 4096

// writer writes to pages, one after the other.
type writer struct {
	memory []byte
	next   int
	count  uint64
	rate   atomic.Int64 // MiB a second
}

// page fills the next page with what compresses badly, but not as badly as it could: half
// of it is random.
func (w *writer) page() {
	p := w.memory[w.next : w.next+pageSize]
	w.next = (w.next + pageSize) % len(w.memory)
	w.count++
	x := w.count
	for i := 0; i < pageSize/2; i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(p[i:], x)
	}
}

// write goes on at the rate that is wanted, by turns of some milliseconds.
func (w *writer) write() {
	const turn = 10 * time.Millisecond
	for {
		rate := w.rate.Load()
		if rate == fastest {
			for range 256 {
				w.page()
			}
			continue
		}
		began := time.Now()
		for range rate << 20 / pageSize * int64(turn) / int64(time.Second) {
			w.page()
		}
		time.Sleep(turn - time.Since(began))
	}
}
