package main

import (
	"errors"
	"flag"
	"io"

	ucore "github.com/u-root/u-root/pkg/core"
)

// core makes a command of one of u-root's.
func core(make func() ucore.Command) command {
	return func(c *call) int {
		command := make()
		command.SetIO(c.in, c.out, c.err)
		switch err := command.Run(c.args...); {
		case err == nil:
			return 0
		case errors.Is(err, flag.ErrHelp):
			return 2
		default:
			return c.fail(plain(err))
		}
	}
}

// coreStrict is core for those of u-root's that say what went wrong, and go on,
// and call it a success.
func coreStrict(make func() ucore.Command) command {
	run := core(make)
	return func(c *call) int {
		said := &counter{w: c.err}
		status := run(&call{name: c.name, args: c.args, in: c.in, out: c.out, err: said})
		if status == 0 && said.n > 0 {
			return 1
		}
		return status
	}
}

// counter counts what is written through it, in bytes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}
