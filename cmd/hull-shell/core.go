package main

import (
	"errors"
	"flag"

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
