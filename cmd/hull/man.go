package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/hullvm/hull/internal/release"
)

func newManCommand(*app) *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write hull's manual pages into a folder",
		Long: `Write hull's manual pages, one for each command, into a folder, which is made
where it is missing. In a folder of that name beside others, man finds them:

  hull man ~/.local/share/man/man1
  man hull-boot`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runMan(cmd.Root(), args[0])
		},
	}
}

func runMan(root *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("manual pages: %w", err)
	}
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{
		Section: "1",
		Source:  "hull " + release.Version,
		Manual:  "Hull",
		Date:    commitTime(),
	}
	if err := doc.GenManTree(root, header, folder); err != nil {
		return fmt.Errorf("manual pages: %w", err)
	}
	return nil
}

// commitTime is when the tree that this program was built from was committed, so
// that the pages of one build are always the same. It is nil where that is not
// known: the pages then have SOURCE_DATE_EPOCH, or today.
func commitTime() *time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, s := range info.Settings {
		if s.Key != "vcs.time" {
			continue
		}
		if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
			return &t
		}
	}
	return nil
}
