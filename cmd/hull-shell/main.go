package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hullvm/hull/guest/applets"
)

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "-") // a login shell's name has one
	args := os.Args[1:]
	if name == applets.Program {
		if len(args) == 0 {
			name = "sh"
		} else {
			name, args = args[0], args[1:]
		}
	}
	os.Exit(run(&call{name: name, args: args, in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// run runs one command and returns its exit status; 127 means that there is no
// such command.
func run(c *call) int {
	command, ok := commands[c.name]
	if !ok {
		fmt.Fprintf(c.err, "%s: no command %q; there are:\n%s\n", applets.Program, c.name, strings.Join(applets.Names(), " "))
		return 127
	}
	return command(c)
}
