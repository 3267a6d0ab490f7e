package migrate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// sendLog gives the target the instance's log, and returns when it is kept there. The
// machine runs there already.
func (p *sender) sendLog(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Patience.Logs, fmt.Errorf("it took more than %v", p.options.Patience.Logs))
	defer cancel()
	if p.link == nil {
		return errors.New("log: the connection is gone")
	}
	sent := make(chan error, 1)
	go func(link Link) {
		w := &logWriter{link: link, sum: sha256.New()}
		err := p.source.Log(ctx, w.part)
		if err == nil {
			err = w.end()
		}
		sent <- err
	}(p.link)
	for done := sent; ; {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("log: %w", err)
			}
			done = nil
		case h := <-p.happened:
			if h.link != p.link {
				h.discard()
				continue
			}
			if h.note != nil {
				h.note(p)
			}
			if p.farewell {
				return nil
			}
			if h.event == handoff.LinkLost {
				return fmt.Errorf("log: %w", h.err)
			}
		case <-ctx.Done():
			_ = p.link.Close() // whoever writes to it is done then
			return fmt.Errorf("log: %w", context.Cause(ctx))
		}
	}
}

// logWriter sends a log.
type logWriter struct {
	link   Link
	held   []byte // to be sent, less than a message
	sum    hash.Hash
	length uint64 // of what was sent
}

// logPart is how much of a log goes in a message, in bytes.
const logPart = 256 << 10

func (w *logWriter) part(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), logPart-len(w.held))
		w.held = append(w.held, b[:n]...)
		b = b[n:]
		if len(w.held) == logPart {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *logWriter) flush() error {
	if len(w.held) == 0 {
		return nil
	}
	if err := w.link.Write(wire.Log{Offset: w.length, Data: w.held}); err != nil {
		return err
	}
	w.sum.Write(w.held)
	w.length += uint64(len(w.held))
	w.held = nil // whoever has the message may keep it
	return nil
}

func (w *logWriter) end() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.link.Write(wire.LogEnd{Length: w.length, SHA256: [sha256.Size]byte(w.sum.Sum(nil))})
}
