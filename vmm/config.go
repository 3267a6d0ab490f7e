package vmm

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

// Config is all that a machine is built from: its description, and the files
// and streams of the outside world, already open.
type Config struct {
	// Machine describes the hardware. It must have passed configs.Load or
	// configs.Parse.
	Machine *configs.Machine

	// Kernel is what the machine boots; Initrd may be the zero Image.
	Kernel Image
	Initrd Image

	// Cmdline is the kernel's whole command line.
	Cmdline string

	// Restore is what a machine like this one was saved as, which goes on where it
	// stood: Kernel, Initrd and Cmdline are not used. nil to boot.
	Restore *Saved

	// Incoming has the machine wait for the state of one like it that comes from
	// another host: its RAM is there and untouched, and Load gives it the state.
	// Kernel, Initrd, Cmdline and Restore are not used.
	Incoming bool

	// Console takes what the guest sends to COM1; nil throws it away. Writes
	// come from one goroutine. A writer that fails is not used again.
	Console io.Writer

	// Devices are the virtio devices of the machine's PCI bus, in the order of
	// the description: disks, network devices, shares, vsock, console, random
	// number generator, balloon. A machine without any has no such bus.
	Devices []Virtio

	// KVM is the path of the KVM device; empty means /dev/kvm.
	KVM string

	// KVMFile is the KVM device where it is open already, and is New's to close;
	// nil to open KVM.
	KVMFile *os.File

	// AllowSlowKVM lets the machine run on a KVM that emulates kernel code
	// instruction by instruction (ErrSlowKVM).
	AllowSlowKVM bool

	// Started is when the timeline begins: the monitor's own start where the
	// caller knows it. The zero time means New.
	Started time.Time

	// Log takes the monitor's messages; nil throws them away. What a guest can
	// cause to be logged is limited in rate.
	Log *slog.Logger
}

// Saved is a machine that was saved.
type Saved struct {
	State  *vmstate.State // what Machine.Save wrote
	Memory *os.File       // what its RAM held, its slots one after the other: see mem.Options.Image
	Layers []mem.Layer    // what lies over that
}

// goesOn reports whether the machine is one that was another before.
func (c *Config) goesOn() bool { return c.Restore != nil || c.Incoming }

// Image is an open file that is loaded into guest memory.
type Image struct {
	Name string // for messages
	File io.ReaderAt
	Size int64 // bytes
}

func (c *Config) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}
