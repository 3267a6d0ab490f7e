package migration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/internal/signaltest"
	"github.com/hullvm/hull/tests/guestload"
)

// Longer runs are for flags: these are what fits between two commits.
var (
	rounds = flag.Int("rounds", 2, "how often TestMoveAndBack moves its machine")
	seed   = flag.Uint64("seed", 0, "of the choices of TestMoveAndBack; 0 for another each time")
	kernel = flag.String("kernel", "debian-cloud", "the `bundle` that guests boot")
	memory = flag.String("memory", "192MiB", "of guests")
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == guestload.Program {
		if err := guestload.Main(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "guestload:", err)
			os.Exit(1)
		}
		return
	}
	signaltest.Default()
	flag.Parse()
	os.Exit(m.Run())
}
