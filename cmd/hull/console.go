package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/terminal"
	"github.com/hullvm/hull/peripherals"
	"github.com/hullvm/hull/vmm"
)

// consoleSession joins hull's standard input to a machine's console, the serial
// one or the virtio console.
type consoleSession struct {
	raw      *terminal.Raw // nil where standard input is no terminal
	input    *terminal.Input
	done     chan struct{}
	unfollow func() // ends what follows the terminal's size; nil for nothing
}

// startConsole begins to hand standard input to the console that is the
// terminal's. On a terminal, keys go to the
// guest as they are, but for the escape key; otherwise bytes go to the guest as
// they are, and the input's end means nothing.
func startConsole(a *app, m *vmm.Machine, set *peripherals.Set, machine *configs.Machine) (*consoleSession, error) {
	s := &consoleSession{done: make(chan struct{})}
	var keys io.Writer
	switch {
	case a.Stdin == nil:
	case machine.Serial.Output == configs.SerialTerminal:
		keys = m.Console()
	case machine.Console.Output == configs.SerialTerminal:
		keys = set.Console
	}
	if keys == nil {
		close(s.done)
		return s, nil
	}
	input, err := terminal.NewInput(a.Stdin)
	if err != nil {
		return nil, err
	}
	s.input = input
	if terminal.IsTerminal(a.Stdin) {
		fmt.Fprintf(a.Stderr, "hull: machine %q: Ctrl-a x leaves, Ctrl-a h helps\n", machine.Name)
		if s.raw, err = terminal.MakeRaw(a.Stdin); err != nil {
			input.Close()
			return nil, err
		}
		if machine.Serial.Output != configs.SerialTerminal {
			s.unfollow = followSize(a.Stdin, func(size agent.WinSize) { set.Console.Resize(size.Columns, size.Rows) })
		}
	}
	go func() {
		defer close(s.done)
		if s.raw == nil {
			_, _ = io.Copy(keys, input)
			return
		}
		typeInto(m, keys, input, a.Stderr)
	}()
	return s, nil
}

// typeInto hands what a person types to the machine until the input ends.
func typeInto(m *vmm.Machine, keys io.Writer, input io.Reader, messages io.Writer) {
	var escape terminal.Escape
	buffer := make([]byte, 4096)
	for {
		n, err := input.Read(buffer)
		for rest := buffer[:n]; len(rest) > 0; {
			var typed []byte
			var command terminal.Command
			typed, command, rest = escape.Filter(nil, rest)
			if len(typed) > 0 {
				if _, err := keys.Write(typed); err != nil {
					return
				}
			}
			switch command {
			case terminal.Leave:
				m.Kill()
			case terminal.PowerButton:
				m.PowerButton()
			case terminal.Help:
				fmt.Fprint(messages, terminal.HelpText)
			}
		}
		if err != nil {
			return
		}
	}
}

// stop ends the session once the machine has ended, and gives the terminal back.
func (s *consoleSession) stop() error {
	if s.input == nil {
		return nil
	}
	if s.unfollow != nil {
		s.unfollow()
	}
	s.input.Stop()
	<-s.done
	err := s.input.Close()
	if s.raw != nil {
		err = errors.Join(err, s.raw.Restore())
	}
	return err
}
