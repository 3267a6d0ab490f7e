package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/internal/terminal"
)

// keyboard is hull's standard input for a program that runs elsewhere. A terminal
// becomes raw, and has keys to detach by; anything else is read as it is.
type keyboard struct {
	file     *os.File
	terminal bool          // standard input is a terminal for the program
	raw      *terminal.Raw // nil before makeRaw, or where there is none
	input    *terminal.Input
	detach   *terminal.DetachReader
	unfollow func()
	begun    chan struct{} // closed by begin, or close

	reading sync.Mutex // held by the Read under way
	closed  bool

	beginOnce, closeOnce sync.Once
	err                  error // of close
}

// openKeyboard opens standard input, for a program that has a terminal or none. It
// becomes raw later: who still waits for the program may press Ctrl-c.
func openKeyboard(stdin *os.File, tty bool, keys []byte) (*keyboard, error) {
	input, err := terminal.NewInput(stdin)
	if err != nil {
		return nil, err
	}
	k := &keyboard{file: stdin, input: input, terminal: tty && terminal.IsTerminal(stdin), begun: make(chan struct{})}
	if !k.terminal {
		keys = nil // they are bytes like others
	}
	k.detach = terminal.NewDetachReader(input, keys)
	return k, nil
}

// begin makes a terminal raw, and tells somebody its size, now and when it changes,
// until the keyboard is closed.
func (k *keyboard) begin(ctx context.Context, resize func(context.Context, agent.WinSize) error) (err error) {
	defer k.showOutput()
	if !k.terminal {
		return nil
	}
	if k.raw, err = terminal.MakeRaw(k.file); err != nil {
		return err
	}
	k.unfollow = followSize(k.file, func(s agent.WinSize) {
		ctx, cancel := context.WithTimeout(ctx, resizeTime)
		defer cancel()
		_ = resize(ctx, s) // not every console can be told
	})
	return nil
}

// output holds what a program writes back until begin: whoever sees it may answer at
// once, with keys that the terminal would keep to itself before.
func (k *keyboard) output(w io.Writer) io.Writer { return &heldOutput{w, k.begun} }

func (k *keyboard) showOutput() { k.beginOnce.Do(func() { close(k.begun) }) }

type heldOutput struct {
	io.Writer
	begun <-chan struct{}
}

func (h *heldOutput) Write(p []byte) (int, error) {
	<-h.begun
	return h.Writer.Write(p)
}

func (k *keyboard) Read(p []byte) (int, error) {
	k.reading.Lock()
	defer k.reading.Unlock()
	if k.closed {
		return 0, io.EOF
	}
	return k.detach.Read(p)
}

// size is the terminal's; zero where there is none.
func (k *keyboard) size() agent.WinSize { return terminalSize(k.file) }

// resizeTime bounds how long it may take to tell a size.
const resizeTime = 2 * time.Second

// close ends a Read, and gives the terminal back. It may be called more than once.
func (k *keyboard) close() error {
	k.showOutput()
	k.closeOnce.Do(func() {
		if k.unfollow != nil {
			k.unfollow()
		}
		k.input.Stop()
		k.reading.Lock()
		defer k.reading.Unlock()
		k.closed = true
		k.err = k.input.Close()
		if k.raw != nil {
			k.err = errors.Join(k.err, k.raw.Restore())
		}
	})
	return k.err
}

// terminalSize is the size of a terminal; zero where it cannot be had.
func terminalSize(f *os.File) agent.WinSize {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 0 || rows < 0 || columns > math.MaxUint16 || rows > math.MaxUint16 {
		return agent.WinSize{}
	}
	return agent.WinSize{Rows: uint16(rows), Columns: uint16(columns)}
}
