package monitor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Patience with who reads a console: how long a write waits for the first byte to be
// taken, and how long once nobody has. What is not taken is lost, so that neither a
// guest nor the machine's end waits for ever.
const (
	readerPatience = 10 * time.Second
	stuckPatience  = 100 * time.Millisecond
)

// terminal is a stream socket at which a person, or a log, has a console.
type terminal struct {
	conn      net.Conn
	patience  time.Duration // with a reader that was there
	impatient time.Duration // with one that was not
	typing    sync.WaitGroup

	stuck bool   // the reader has taken nothing for so long; Write's alone
	lost  uint64 // bytes; Write's alone
}

// newTerminal takes over a socket.
func newTerminal(f *os.File) (*terminal, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("console: descriptor of %q: %w", f.Name(), err)
	}
	return &terminal{conn: c, patience: readerPatience, impatient: stuckPatience}, nil
}

// Write writes what the guest says. It is called from one goroutine. An error says
// that there is no reader any more.
func (t *terminal) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		patience := t.patience
		if t.stuck {
			patience = t.impatient
		}
		if err := t.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return len(p) - len(rest), err
		}
		n, err := t.conn.Write(rest)
		rest = rest[n:]
		t.stuck = n == 0
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && t.stuck:
			t.lost += uint64(len(rest))
			return len(p), nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return len(p) - len(rest), err
		}
	}
	return len(p), nil
}

// typeInto hands what comes from the socket to a console, until either ends.
func (t *terminal) typeInto(console io.Writer) {
	t.typing.Go(func() { _, _ = io.Copy(console, onlyReader{t.conn}) })
}

// onlyReader keeps io.Copy from other ways than Read and Write.
type onlyReader struct{ io.Reader }

// close ends the connection. The console that is typed into must have been closed.
func (t *terminal) close() error {
	err := t.conn.Close()
	t.typing.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
