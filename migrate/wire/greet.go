package wire

import (
	"fmt"
	"io"
	"time"
)

// Preamble is what each side sends first.
const Preamble = "HULLMOV\n"

// Versions of the protocol that this release speaks, from lowest to highest.
const (
	MinVersion uint16 = 1
	Version    uint16 = 1
)

// parting is how long a preamble may still be on its way where the other side's was wrong.
const parting = 100 * time.Millisecond

// Greet sends the preamble and reads the other side's. Where the latter fails the
// former may still be on its way until the stream is closed.
func (c *Conn) Greet() error {
	sent := make(chan error, 1)
	go func() {
		c.out.mu.Lock()
		defer c.out.mu.Unlock()
		_, err := io.WriteString(c.stream, Preamble)
		if err != nil {
			err = fmt.Errorf("greet: send: %w", err)
			c.out.failed = err
		}
		sent <- err
	}()
	if err := readPreamble(c.stream); err != nil {
		c.in.failed = err
		select {
		case <-sent: // so that the other side can tell what it has reached
		case <-time.After(parting):
		}
		return err
	}
	return <-sent
}

// readPreamble ends with the first byte that is wrong: who speaks something else need
// not say eight bytes of it.
func readPreamble(r io.Reader) error {
	var b [len(Preamble)]byte
	for n := 0; n < len(b); {
		m, err := r.Read(b[n:])
		n += m
		switch got := string(b[:n]); {
		case got != Preamble[:n]:
			return fmt.Errorf("greet: %w: it began with %q%s", ErrPreamble, got, guess(b[0]))
		case err == io.EOF && n == 0:
			return fmt.Errorf("greet: the other side closed the connection: %w", io.EOF)
		case err == io.EOF && n < len(b):
			return fmt.Errorf("greet: the other side closed the connection: %w", io.ErrUnexpectedEOF)
		case err != nil && n < len(b):
			return fmt.Errorf("greet: %w", err)
		}
	}
	return nil
}

// guess says what the commonest mistake looks like.
func guess(first byte) string {
	const alert, handshake = 0x15, 0x16 // RFC 8446 section 5.1
	if first == alert || first == handshake {
		return ", which is TLS"
	}
	return ""
}
