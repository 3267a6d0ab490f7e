package migration

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/tests/guestload"
	"github.com/hullvm/hull/tests/twohosts"
)

// beats are what a guest sends to outside, each with a number: two machines that run with
// one memory send a number twice.
type beats struct {
	conn  *net.UDPConn
	nonce string

	mu     sync.Mutex
	count  int
	last   guestload.Beat
	at     time.Time
	gap    time.Duration // the longest since reset
	errors []string
}

func (w *world) listenBeats(nonce string) *beats {
	w.t.Helper()
	c, err := w.network.Outside.ListenPacket(twohosts.OutsideAddress + ":0")
	w.must(err)
	b := &beats{conn: c, nonce: nonce}
	w.t.Cleanup(b.close)
	go b.receive()
	return b
}

func (b *beats) address() string { return b.conn.LocalAddr().String() }
func (b *beats) close()          { b.conn.Close() }

func (b *beats) receive() {
	p := make([]byte, 2048)
	for {
		n, err := b.conn.Read(p)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			b.take(p[:n], time.Now())
		}
	}
}

func (b *beats) take(p []byte, now time.Time) {
	beat, err := guestload.ParseBeat(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	wrong := func(format string, args ...any) {
		if len(b.errors) < 10 {
			b.errors = append(b.errors, fmt.Sprintf(format, args...))
		}
	}
	switch {
	case err != nil:
		wrong("%v", err)
		return
	case hex.EncodeToString(beat.Nonce[:]) != b.nonce:
		wrong("beat %d is another machine's", beat.Number)
		return
	case b.count > 0 && beat.Number <= b.last.Number:
		wrong("beat %d comes after beat %d: the machine runs twice, or went back", beat.Number, b.last.Number)
	case b.count > 0 && beat.Monotonic <= b.last.Monotonic:
		wrong("beat %d: the guest's clock shows %v after %v", beat.Number, time.Duration(beat.Monotonic), time.Duration(b.last.Monotonic))
	}
	if b.count > 0 {
		b.gap = max(b.gap, now.Sub(b.at))
	}
	b.count++
	b.last, b.at = beat, now
}

// reset begins to look for the longest gap anew.
func (b *beats) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gap = 0
}

// longest is the longest time without a beat since reset.
func (b *beats) longest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gap
}

// check fails a test for all that was wrong.
func (b *beats) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		t.Error(e)
	}
}
