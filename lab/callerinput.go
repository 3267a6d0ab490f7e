package lab

import (
	"io"
	"os"
	"sync"

	"github.com/hullvm/hull/internal/terminal"
)

// callerInput reads a caller's standard input, and stops to when the command
// has ended: what was not read is left to whoever reads next.
type callerInput struct {
	input *terminal.Input

	mu     sync.Mutex // held while a Read is under way
	closed bool
}

func newCallerInput(f *os.File) (*callerInput, error) {
	in, err := terminal.NewInput(f)
	if err != nil {
		return nil, err
	}
	return &callerInput{input: in}, nil
}

func (c *callerInput) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, io.EOF
	}
	return c.input.Read(p)
}

// close ends the Read under way. A later one does not touch the descriptor,
// which may be another file by then.
func (c *callerInput) close() {
	c.input.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	_ = c.input.Close() // an eventfd
}
