package guestload

import (
	"encoding/hex"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Draw is a random number that was drawn, and the time on the wall clock after it.
type Draw struct {
	At    int64
	Bytes string
}

func drawBytes() (b [32]byte, err error) {
	_, err = unix.Getrandom(b[:], 0)
	return b, err
}

// drawer keeps the last numbers that were drawn.
type drawer struct {
	mu   sync.Mutex
	kept []Draw
}

const drawsKept = 400

func (d *drawer) list() []Draw {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Draw{}, d.kept...)
}

// draw draws for ever.
func (l *load) draw() {
	l.draws = &drawer{}
	go l.work("draws", func() error {
		for range 4 {
			b, err := drawBytes()
			if err != nil {
				return err
			}
			d := Draw{At: time.Now().UnixNano(), Bytes: hex.EncodeToString(b[:])}
			l.draws.mu.Lock()
			l.draws.kept = append(l.draws.kept, d)
			if over := len(l.draws.kept) - drawsKept; over > 0 {
				l.draws.kept = append([]Draw{}, l.draws.kept[over:]...)
			}
			l.draws.mu.Unlock()
		}
		time.Sleep(100 * time.Millisecond)
		return nil
	})
}
