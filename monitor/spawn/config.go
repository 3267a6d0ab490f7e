package spawn

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/archives"
	"github.com/hullvm/hull/monitor/startup"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/peripherals/host"
)

// Config says which machine to start, and how. Its files are the caller's, who closes
// them once Start has returned, but for those of Host.
type Config struct {
	Program string // path of hull-vmm

	// Machine describes the hardware, and passed Validate.
	Machine *configs.Machine

	Kernel  *os.File
	Initrd  []*os.File // the archives of one, as package archives joins them; nil for none
	Cmdline string

	// State and Memory are what a machine like this one was saved as, to go on from
	// instead of a kernel; nil for one that boots.
	State, Memory *os.File

	// Layers lie over Memory, the last on top.
	Layers []Layer

	// Incoming has the machine wait for another host's, memory and state, instead of
	// either.
	Incoming bool

	// Host is what was opened for the machine, with Options.Monitor. Start closes its
	// files, which are the monitor's then; the Host itself is closed after the
	// process's end.
	Host *host.Host

	// Control is a unix socket that listens, for package control.
	Control *os.File

	// Serial is a stream socket for the console that the machine has on its
	// terminal; nil for none.
	Serial *os.File

	// Stderr takes the monitor's messages; nil throws them away.
	Stderr *os.File

	// Jail confines the process; without it, it is not, for debugging.
	Jail bool

	// UID is the user of this host who the process is, where root starts it; 0 for
	// nobody (65534). Another user's processes are their own.
	UID int

	AllowSlowKVM bool // run on a KVM that emulates kernel code
	Verbose      bool // log all that the monitor does

	// Placed is called with the process's number before it is given its machine, to
	// put it into a control group. Nil for nothing.
	Placed func(pid int) error
}

// Layer is what an incremental snapshot has of a machine's memory.
type Layer struct {
	Memory *os.File
	Map    *os.File // which pages that has
}

// nobody is whom root starts the process as where no other is asked for.
const nobody = 65534

func (c *Config) uid() int {
	if c.UID == 0 {
		return nobody
	}
	return c.UID
}

// files are what is handed over from startup.FirstFD on, and their manifest.
func (c *Config) files() (handover.Manifest, []*os.File, error) {
	switch {
	case c.Machine == nil || c.Host == nil:
		return nil, nil, errors.New("no machine, or nothing that was opened for it")
	case c.Control == nil || c.Kernel == nil && c.State == nil && !c.Incoming:
		return nil, nil, errors.New("no kernel, or no control socket")
	case c.Incoming && (c.Kernel != nil || c.State != nil || len(c.Initrd) > 0):
		return nil, nil, errors.New("a kernel or a state for a machine that waits for another host's")
	case (c.State == nil) != (c.Memory == nil):
		return nil, nil, errors.New("a state without memory, or memory without a state")
	case slices.ContainsFunc(c.Layers, func(l Layer) bool { return l.Memory == nil || l.Map == nil || c.Memory == nil }):
		return nil, nil, errors.New("memory that lies over none, or has no map")
	case len(c.Initrd) > archives.MaxParts || slices.Contains(c.Initrd, nil):
		return nil, nil, fmt.Errorf("initrd of %d archives: want at most %d, each an open file", len(c.Initrd), archives.MaxParts)
	}
	var own handover.Files
	switch {
	case c.Incoming:
	case c.State != nil:
		own.Add(handover.State, "", c.State)
		memory, maps := []*os.File{c.Memory}, []*os.File(nil)
		for _, l := range c.Layers {
			memory, maps = append(memory, l.Memory), append(maps, l.Map)
		}
		own.Add(handover.Memory, "", memory...)
		if len(maps) > 0 {
			own.Add(handover.Map, "", maps...)
		}
	default:
		own.Add(handover.Kernel, "", c.Kernel)
		if len(c.Initrd) > 0 {
			own.Add(handover.Initrd, "", c.Initrd...)
		}
	}
	if c.Serial != nil {
		own.Add(handover.Terminal, "", c.Serial)
	}
	m, files := own.Manifest()
	more, opened := c.Host.Files.Manifest()
	m, files = append(m, more...), append(files, opened...)
	return m, files, m.Check()
}

// startup is what the process reads.
func (c *Config) startup(m handover.Manifest) ([]byte, error) {
	s := startup.Config{
		Machine: string(configs.Render(c.Machine)), Cmdline: c.Cmdline, Manifest: m,
		Incoming: c.Incoming, AllowSlowKVM: c.AllowSlowKVM, Verbose: c.Verbose,
	}
	return s.Encode()
}
