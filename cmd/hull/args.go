package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// explainArguments has a command, and those below it, say what they take when they
// are given another number of arguments.
func explainArguments(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		explainArguments(sub)
	}
	check := cmd.Args
	if check == nil || cmd.HasSubCommands() { // whose argument is a command that is not there
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		given := fmt.Sprintf("%d arguments", len(args))
		if len(args) == 1 {
			given = "1 argument"
		}
		return fmt.Errorf("%s: %s; usage: %s", cmd.Name(), given, cmd.UseLine())
	}
}
