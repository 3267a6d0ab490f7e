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
// is raw meanwhile, and has keys to detach by; anything else is read as it is.
type keyboard struct {
	file     *os.File
	raw      *terminal.Raw // nil where standard input is no terminal
	input    *terminal.Input
	detach   *terminal.DetachReader
	unfollow func()

	reading sync.Mutex // held by the Read under way
	closed  bool

	once sync.Once
	err  error // of close
}

// openKeyboard begins to read standard input. With raw a terminal is made so.
func openKeyboard(stdin *os.File, raw bool, keys []byte) (*keyboard, error) {
	input, err := terminal.NewInput(stdin)
	if err != nil {
		return nil, err
	}
	k := &keyboard{file: stdin, input: input}
	if raw && terminal.IsTerminal(stdin) {
		if k.raw, err = terminal.MakeRaw(stdin); err != nil {
			input.Close()
			return nil, err
		}
	} else {
		keys = nil // they are bytes like others
	}
	k.detach = terminal.NewDetachReader(input, keys)
	return k, nil
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

// follow tells somebody the terminal's size, now and when it changes, until the
// keyboard is closed.
func (k *keyboard) follow(ctx context.Context, resize func(context.Context, agent.WinSize) error) {
	if k.raw == nil {
		return
	}
	k.unfollow = followSize(k.file, func(s agent.WinSize) {
		ctx, cancel := context.WithTimeout(ctx, resizeTime)
		defer cancel()
		_ = resize(ctx, s) // not every console can be told
	})
}

// close ends a Read, and gives the terminal back. It may be called more than once.
func (k *keyboard) close() error {
	k.once.Do(func() {
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
