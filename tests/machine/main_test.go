package machine

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/calltrace"
)

// guestside is what the test binary is called in the guest.
const guestside = "guestside"

// patience is how long a test waits for anything: long, because only a hang
// meets it.
const patience = 4 * time.Minute

// Longer runs are for flags: these are what fits between two commits.
var (
	bootRounds = flag.Int("boots", 2, "how many times TestNothingIsLeft boots a machine with all devices")
	killRounds = flag.Int("kills", 5, "how many times TestAKilledMonitorLeavesWholeImages kills a monitor under load")
)

func TestMain(m *testing.M) {
	calltrace.Main()
	if filepath.Base(os.Args[0]) == guestside {
		os.Exit(guestMain(os.Args[1:]))
	}
	flag.Parse()
	status := m.Run()
	if root.dir != "" {
		if err := os.RemoveAll(root.dir); err != nil {
			fmt.Fprintf(os.Stderr, "remove the root image: %v\n", err)
		}
	}
	os.Exit(status)
}
