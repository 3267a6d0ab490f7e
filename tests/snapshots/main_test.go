package snapshots

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/tests/guestload"
)

// Longer runs are for flags: these are what fits between two commits.
var (
	rounds = flag.Int("rounds", 2, "how many snapshots TestRounds makes and restores")
	seed   = flag.Uint64("seed", 0, "of the choices of TestRounds; 0 for another each time")
	clones = flag.Int("clones", 2, "how many clones TestClonesDrawOtherBytes makes")
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == guestload.Program {
		if err := guestload.Main(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "guestload:", err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}
