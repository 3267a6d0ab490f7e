package migrate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// heldReport is what holding a guest and sending the rest has taken.
type heldReport struct {
	pause, last, state time.Duration
	pass               Pass
	at                 time.Time
}

// holdAndSend holds the guest, and sends what is left of its memory, and its state.
func (p *sender) holdAndSend(ctx context.Context, link Link) {
	held, final, err := p.sendRest(ctx, link)
	if err == nil {
		// First: the target's answer to the last message may come at once.
		p.tell(happening{event: handoff.StateSent, held: held})
		err = link.Write(final)
	}
	if err != nil {
		p.tell(happening{event: handoff.Timeout, err: err})
	}
}

func (p *sender) sendRest(ctx context.Context, link Link) (_ *heldReport, final wire.Final, err error) {
	began := time.Now()
	if err := p.source.Hold(ctx); err != nil {
		return nil, final, fmt.Errorf("hold the guest: %w", err)
	}
	held := time.Now()
	state, err := stateFile()
	if err != nil {
		return nil, final, err
	}
	defer state.Close()
	pass, err := p.source.Last(ctx, state)
	if err != nil {
		return nil, final, err
	}
	passed := time.Now()
	if err := link.Write(wire.Paused{Epoch: pass.Epoch}); err != nil {
		return nil, final, err
	}
	if final, err = sendState(link, state, pass.Epoch); err != nil {
		return nil, final, fmt.Errorf("state: %w", err)
	}
	now := time.Now()
	return &heldReport{pause: held.Sub(began), last: passed.Sub(held), state: now.Sub(passed), pass: pass, at: now}, final, nil
}

// stateFile is a file in memory that nobody else has.
func stateFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("file for the state: %w", err)
	}
	return os.NewFile(uintptr(fd), "state"), nil
}

// sendState sends all of a state but its end, which it returns.
func sendState(link Link, state *os.File, epochs uint32) (final wire.Final, err error) {
	if _, err := state.Seek(0, io.SeekStart); err != nil {
		return final, err
	}
	sum := sha256.New()
	length := uint64(0)
	for buf := make([]byte, wire.MaxStatePart); ; {
		n, err := io.ReadFull(state, buf)
		if n > 0 {
			if length += uint64(n); length > wire.MaxState {
				return final, fmt.Errorf("of more than %d bytes", wire.MaxState)
			}
			sum.Write(buf[:n])
			if err := link.Write(wire.State{Data: buf[:n]}); err != nil {
				return final, err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return final, err
		}
	}
	return wire.Final{Length: length, SHA256: [sha256.Size]byte(sum.Sum(nil)), Epochs: epochs}, nil
}
