package handover

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// Use says what descriptors are for.
type Use string

// What a machine's process is handed. Those of a device bear its name.
const (
	KVM      Use = "kvm"          // /dev/kvm
	Kernel   Use = "kernel"       // what the machine boots
	Initrd   Use = "initrd"       // and what it has at hand then
	State    Use = "state"        // what it goes on from instead: a machine that was saved
	Memory   Use = "memory"       // and what that one's RAM held: a file, then those that lie over it
	Map      Use = "memory-map"   // which pages each of those has
	Terminal Use = "terminal"     // a stream socket: the console's output, and its input
	Serial   Use = "serial"       // takes what the guest writes to COM1
	Disk     Use = "disk"         // an image, then what it is backed by, one after the other
	Tap      Use = "tap"          // a queue each, with a virtio_net_hdr_v1 before frames
	VHost    Use = "vhost-net"    // one for each queue of a tap
	Frames   Use = "frames"       // a socket, with a frame in each message
	Share    Use = "share"        // a file server's socket
	Vsock    Use = "vsock"        // the listener of the guest's sockets
	Broker   Use = "vsock-broker" // the socket that connections to the host are asked for by
	Console  Use = "console"      // takes what the guest writes to its virtio console
)

var uses = []Use{KVM, Kernel, Initrd, State, Memory, Map, Terminal, Serial, Disk, Tap, VHost, Frames, Share, Vsock, Broker, Console}

// Files are open files by their uses. Whoever takes some owns them; the others are
// closed with Close. The zero value has none.
type Files struct {
	groups []group
}

type group struct {
	use   Use
	name  string
	files []*os.File
}

// Add adds files, which are owned by f from here on.
func (f *Files) Add(use Use, name string, files ...*os.File) {
	f.groups = append(f.groups, group{use, name, files})
}

// Take hands over all files of one use and name: nil for none.
func (f *Files) Take(use Use, name string) []*os.File {
	for i, g := range f.groups {
		if g.use == use && g.name == name {
			f.groups = slices.Delete(f.groups, i, i+1)
			return g.files
		}
	}
	return nil
}

// TakeOne is Take where there is to be one file; the others are closed. It is nil
// for none.
func (f *Files) TakeOne(use Use, name string) *os.File {
	files := f.Take(use, name)
	if len(files) == 0 {
		return nil
	}
	for _, extra := range files[1:] {
		_ = extra.Close()
	}
	return files[0]
}

// Left is an error that names what nobody took, or nil.
func (f *Files) Left() error {
	if len(f.groups) == 0 {
		return nil
	}
	g := f.groups[0]
	return fmt.Errorf("descriptors for %s %q: no device wants them", g.use, g.name)
}

// Close closes what nobody took.
func (f *Files) Close() error {
	var errs []error
	for _, g := range f.groups {
		for _, file := range g.files {
			errs = append(errs, file.Close())
		}
	}
	f.groups = nil
	return errors.Join(errs...)
}
