package monitor

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/hullvm/hull/vmm"
)

// card is a network device that counts what it sends.
type card struct {
	sent  int
	fails error
}

func (c *card) SendRARP() error {
	c.sent++
	return c.fails
}

// A machine that was moved says so often enough, each time after a longer pause, as
// long as it is there.
func TestAMovedMachineAnnouncesItself(t *testing.T) {
	for _, end := range []int{-1, 0, 2} { // the pause that it does not outlive
		h := newHandler(&built{machine: new(vmm.Machine), messages: slog.New(slog.NewTextHandler(io.Discard, nil))}, nil)
		good, bad := new(card), &card{fails: errors.New("no")}
		var pauses []time.Duration
		h.announceTo([]announcer{bad, good}, func(d time.Duration) bool {
			if len(pauses) == end {
				h.shut()
			}
			pauses = append(pauses, d)
			return true
		})
		want := []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond}
		sent := 5
		if end >= 0 {
			want, sent = want[:end+1], end+1
		}
		if !slices.Equal(pauses, want) || good.sent != sent || bad.sent != sent {
			t.Errorf("%d and %d frames with pauses of %v, want %d of each with %v", bad.sent, good.sent, pauses, sent, want)
		}
	}
	h := newHandler(&built{machine: new(vmm.Machine)}, nil)
	h.announceTo(nil, func(time.Duration) bool {
		t.Error("a machine without networks waits")
		return false
	})
	once := new(card)
	h.announceTo([]announcer{once}, func(time.Duration) bool { return false })
	if once.sent != 1 {
		t.Errorf("%d frames of a machine that has ended, want 1", once.sent)
	}
}
