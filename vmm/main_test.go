package vmm

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
)

// TestMain leaves the example out where no kernel can be booted: an example
// cannot skip itself.
func TestMain(m *testing.M) {
	flag.Parse()
	if why := guesttest.KVMMissing(); why != "" && os.Getenv(guesttest.RequireVariable) == "" {
		fmt.Fprintf(os.Stderr, "vmm: the example is skipped: missing: %s\n", why)
		if err := flag.Set("test.skip", "^Example"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
