package pid1

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
)

// labDevice is what a lab host's device on the network of its lab is called.
const labDevice = "lab0"

// joinLabNetwork gives a lab host the name and the address that it has on a network
// with others. A host that cannot join is of use all the same.
func (s *system) joinLabNetwork() {
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		say(err.Error())
		return
	}
	m, err := bootconf.FindLabMember(string(cmdline))
	if err != nil {
		say(err.Error())
	}
	if m == nil {
		return
	}
	if err := unix.Sethostname([]byte(m.Hostname)); err != nil {
		say("host name: " + err.Error())
	}
	err = s.devices.Up(context.Background(), bootconf.Interface{MAC: m.MAC, Name: labDevice, Address: m.Address})
	if err != nil {
		say(err.Error())
	}
}
