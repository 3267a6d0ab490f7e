package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func clearScreen(c *call) int {
	fmt.Fprint(c.out, "\x1b[H\x1b[2J")
	return 0
}

// descriptor is the number of a stream that is a file, or -1.
func descriptor(stream io.Reader) int {
	if f, ok := stream.(*os.File); ok {
		return int(f.Fd())
	}
	return -1
}

func tty(c *call) int {
	fd := descriptor(c.in)
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		fmt.Fprintln(c.out, "not a tty")
		return 1
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintln(c.out, name)
	return 0
}

// mode is one switch of a terminal.
type mode struct {
	name  string
	field func(*unix.Termios) *uint32
	bit   uint32
}

func inputModes(t *unix.Termios) *uint32  { return &t.Iflag }
func outputModes(t *unix.Termios) *uint32 { return &t.Oflag }
func localModes(t *unix.Termios) *uint32  { return &t.Lflag }

var modes = []mode{
	{"icrnl", inputModes, unix.ICRNL},
	{"inlcr", inputModes, unix.INLCR},
	{"ixon", inputModes, unix.IXON},
	{"opost", outputModes, unix.OPOST},
	{"onlcr", outputModes, unix.ONLCR},
	{"isig", localModes, unix.ISIG},
	{"icanon", localModes, unix.ICANON},
	{"echo", localModes, unix.ECHO},
	{"echoe", localModes, unix.ECHOE},
	{"iexten", localModes, unix.IEXTEN},
}

// cooked and raw are the modes that "stty sane" and "stty raw" set and clear.
var cooked = []string{"icrnl", "ixon", "opost", "onlcr", "isig", "icanon", "echo", "echoe", "iexten"}

func stty(c *call) int {
	fd := descriptor(c.in)
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return c.failf("standard input: %w", err)
	}
	if len(c.args) == 0 || c.args[0] == "-a" {
		showTerminal(c, fd, t)
		return 0
	}
	if c.args[0] == "size" {
		ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil {
			return c.fail(err)
		}
		fmt.Fprintln(c.out, ws.Row, ws.Col)
		return 0
	}
	for i := 0; i < len(c.args); i++ {
		arg := c.args[i]
		if arg == "rows" || arg == "cols" || arg == "columns" {
			if i++; i == len(c.args) {
				return c.failf("%s: a number must follow", arg)
			}
			if err := resize(fd, arg, c.args[i]); err != nil {
				return c.failf("%s %s: %w", arg, c.args[i], err)
			}
			continue
		}
		if !setMode(t, arg) {
			return c.failf("%q is no mode", arg)
		}
	}
	if err := unix.IoctlSetTermios(fd, unix.TCSETSW, t); err != nil {
		return c.fail(err)
	}
	return 0
}

func resize(fd int, what, number string) error {
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return fmt.Errorf("not a number of characters")
	}
	ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	if what == "rows" {
		ws.Row = uint16(n)
	} else {
		ws.Col = uint16(n)
	}
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, ws)
}

// setMode applies one word: a mode, "-" and a mode, "sane" or "raw".
func setMode(t *unix.Termios, word string) bool {
	on := true
	switch word {
	case "sane", "cooked", "-raw":
		for _, name := range cooked {
			setMode(t, name)
		}
		return true
	case "raw", "-cooked":
		for _, name := range cooked {
			if name != "onlcr" && name != "echo" && name != "echoe" {
				setMode(t, "-"+name)
			}
		}
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		return true
	}
	if word != "" && word[0] == '-' {
		on, word = false, word[1:]
	}
	for _, m := range modes {
		if m.name == word {
			if on {
				*m.field(t) |= m.bit
			} else {
				*m.field(t) &^= m.bit
			}
			return true
		}
	}
	return false
}

func showTerminal(c *call, fd int, t *unix.Termios) {
	if ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
		fmt.Fprintf(c.out, "rows %d; columns %d;\n", ws.Row, ws.Col)
	}
	for i, m := range modes {
		sep, sign := " ", ""
		if i == 0 {
			sep = ""
		}
		if *m.field(t)&m.bit == 0 {
			sign = "-"
		}
		fmt.Fprintf(c.out, "%s%s%s", sep, sign, m.name)
	}
	fmt.Fprintln(c.out)
}
