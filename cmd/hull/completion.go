package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

var completionShells = []string{"bash", "zsh", "fish"}

func newCompletionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that teaches a shell to complete hull's command lines",
		Long: `Print a script that teaches a shell to complete hull's command lines.

bash, which needs its bash-completion package:
  hull completion bash > ~/.local/share/bash-completion/completions/hull

zsh, in a folder of its $fpath:
  hull completion zsh > ~/.zfunc/_hull

fish:
  hull completion fish > ~/.config/fish/completions/hull.fish

A new shell has it.`,
		Args:                  cobra.ExactArgs(1),
		ValidArgs:             completionShells,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCompletion(a, cmd.Root(), args[0])
		},
	}
}

func runCompletion(a *app, root *cobra.Command, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(a.Stdout, true)
	case "zsh":
		return root.GenZshCompletion(a.Stdout)
	case "fish":
		return root.GenFishCompletion(a.Stdout, true)
	default:
		return fmt.Errorf("completion: shell %q: want one of %q", shell, completionShells)
	}
}
