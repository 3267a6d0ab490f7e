package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

func echo(c *call) int {
	args, end, escapes := c.args, "\n", false
	for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "-ne" || args[0] == "-en") {
		if strings.Contains(args[0], "n") {
			end = ""
		}
		escapes = escapes || strings.Contains(args[0], "e")
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		text = unescapeEcho(text)
	}
	if _, err := io.WriteString(c.out, text+end); err != nil {
		return c.fail(plain(err))
	}
	return 0
}

// echoEscapes are those of "echo -e" that stand for one byte each.
var echoEscapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'e': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\',
}

// unescapeEcho also knows \xHH and \0NNN. What it does not know stays.
func unescapeEcho(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if v, ok := echoEscapes[s[i]]; ok {
			b.WriteByte(v)
			continue
		}
		v, digits := escapedNumber(s[i:])
		if digits == 0 {
			b.WriteByte('\\')
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte(v)
		i += digits - 1
	}
	return b.String()
}

// escapedNumber reads "0" and up to three octal digits or "x" and up to two
// hexadecimal ones, and says how many bytes that were; 0 for anything else.
func escapedNumber(s string) (v byte, length int) {
	base, most := 8, 4
	switch s[0] {
	case 'x':
		base, most = 16, 3
	case '0':
	default:
		return 0, 0
	}
	n := uint64(0)
	for length = 1; length < most && length < len(s); length++ {
		digit, err := strconv.ParseUint(s[length:length+1], base, 8)
		if err != nil {
			break
		}
		n = n*uint64(base) + digit
	}
	if base == 16 && length == 1 {
		return 0, 0
	}
	return byte(n), length
}

func yes(c *call) int {
	text := "y"
	if len(c.args) > 0 {
		text = strings.Join(c.args, " ")
	}
	w := bufio.NewWriter(c.out)
	for {
		if _, err := fmt.Fprintln(w, text); err != nil {
			return 1
		}
	}
}

func seq(c *call) int {
	if len(c.args) < 1 || len(c.args) > 3 {
		return c.usage("[FIRST [STEP]] LAST")
	}
	numbers := []int64{1, 1, 1} // first, step, last
	for i, arg := range c.args {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return c.failf("%q is not a whole number", arg)
		}
		switch {
		case i == len(c.args)-1:
			numbers[2] = n
		default:
			numbers[i] = n
		}
	}
	first, step, last := numbers[0], numbers[1], numbers[2]
	if step == 0 {
		return c.failf("a step of 0")
	}
	w := bufio.NewWriter(c.out)
	for n := first; step > 0 && n <= last || step < 0 && n >= last; n += step {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return c.fail(plain(err))
		}
		if next := n + step; (next > n) != (step > 0) {
			break // round the end of the numbers
		}
	}
	if err := w.Flush(); err != nil {
		return c.fail(plain(err))
	}
	return 0
}

func printenv(c *call) int {
	if len(c.args) == 0 {
		for _, v := range os.Environ() {
			fmt.Fprintln(c.out, v)
		}
		return 0
	}
	status := 0
	for _, name := range c.args {
		if v, ok := os.LookupEnv(name); ok {
			fmt.Fprintln(c.out, v)
		} else {
			status = 1
		}
	}
	return status
}

// env runs a program with other variables, or shows them.
func env(c *call) int {
	vars, args := os.Environ(), c.args
	if len(args) > 0 && (args[0] == "-i" || args[0] == "-") {
		vars, args = nil, args[1:]
	}
	for len(args) > 0 {
		name, _, ok := strings.Cut(args[0], "=")
		if !ok || name == "" {
			break
		}
		vars = append(slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, name+"=") }), args[0])
		args = args[1:]
	}
	if len(args) == 0 {
		for _, v := range vars {
			fmt.Fprintln(c.out, v)
		}
		return 0
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = vars
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, c.err
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exitStatus(exit)
	}
	c.fail(plain(err))
	return startStatus(err)
}
