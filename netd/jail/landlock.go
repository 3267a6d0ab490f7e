package jail

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// minABI is the first version there was.
const minABI = 1

// restrict allows all threads to read what the resolver needs alone, and to reach
// no other process by signals or abstract sockets where the kernel can forbid it.
// rooted says that there is nothing else in the root.
func (r resolver) restrict(rooted bool) error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return err
	}
	if abi < minABI {
		return fmt.Errorf("version %d: want %d", abi, minABI)
	}
	var rules []landlock.Rule
	switch {
	case rooted:
		rules = append(rules, landlock.PathAccess(ll.AccessFSReadFile, "/"))
	case r.real != "":
		rules = append(rules, landlock.PathAccess(ll.AccessFSReadFile, r.show))
	}
	if err := landlock.V11.BestEffort().RestrictPaths(rules...); err != nil {
		return err
	}
	return landlock.V11.BestEffort().RestrictScoped()
}
