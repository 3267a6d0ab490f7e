package jail

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// minABI is the first version there was.
const minABI = 1

// lock allows nothing of what landlock can forbid.
func lock() error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return err
	}
	if abi < minABI {
		return fmt.Errorf("version %d: want %d", abi, minABI)
	}
	return landlock.V11.BestEffort().Restrict()
}
