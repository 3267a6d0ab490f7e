package guest

import (
	"fmt"
	"strings"

	"github.com/hullvm/hull/configs"
)

// defaultWords are right for every machine of Hull's: the console it has, an end
// instead of a wait after a crash, and no search for what it has not.
var defaultWords = []string{
	"console=ttyS0",
	"quiet",       // the guest's own words, not its kernel's; dmesg has those
	"loglevel=3",  // and no error that is none: a machine without PCI is one to Linux
	"panic=-1",    // a crashed kernel resets the machine at once
	"i8042.noaux", // there is a controller for the reset alone
	"i8042.nokbd",
}

// cmdline is the kernel's whole command line: Hull's words, then the user's,
// which win.
func cmdline(m *configs.Machine) (string, error) {
	var words []string
	if m.Boot.CmdlineDefault {
		words = append(words, defaultWords...)
	}
	if m.Boot.Cmdline != "" {
		words = append(words, m.Boot.Cmdline)
	}
	line := strings.Join(words, " ")
	if len(line) > configs.MaxCmdline {
		return "", fmt.Errorf("boot.cmdline: %d bytes with Hull's own words, a kernel takes %d: shorten it, or set cmdline_default = false",
			len(line), configs.MaxCmdline)
	}
	return line, nil
}
