package snapshots

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// guestload is what the test binary is called in the guest.
const guestload = "guestload"

// patience is how long a test waits for anything: long, because only a hang meets it.
const patience = 90 * time.Second

// Longer runs are for flags: these are what fits between two commits.
var (
	rounds = flag.Int("rounds", 2, "how many snapshots TestRounds makes and restores")
	seed   = flag.Uint64("seed", 0, "of the choices of TestRounds; 0 for another each time")
	clones = flag.Int("clones", 2, "how many clones TestClonesDrawOtherBytes makes")
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == guestload {
		if err := guestMain(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "guestload:", err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}
