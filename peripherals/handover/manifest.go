package handover

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of a manifest that comes from elsewhere.
const (
	MaxFiles = 4096 // descriptors
	maxName  = 64   // bytes of a device's name
	maxPath  = 4096 // bytes of a file's name
)

// Manifest says what each of a list of descriptors is, in their order.
type Manifest []Entry

// Entry is the descriptors of one use.
type Entry struct {
	Use  Use    `json:"use"`
	Name string `json:"name,omitempty"` // of the device; empty where the machine has one at most

	// Files are what each descriptor is called in messages.
	Files []string `json:"files"`
}

// Manifest lists the files, which f still owns.
func (f *Files) Manifest() (Manifest, []*os.File) {
	var m Manifest
	var all []*os.File
	for _, g := range f.groups {
		e := Entry{Use: g.use, Name: g.name, Files: []string{}}
		for _, file := range g.files {
			e.Files = append(e.Files, cut(file.Name()))
		}
		m, all = append(m, e), append(all, g.files...)
	}
	return m, all
}

// cut keeps a name that is for messages alone in bounds, as text.
func cut(name string) string { return strings.ToValidUTF8(name[:min(len(name), maxPath)], "?") }

// Count is how many descriptors there are.
func (m Manifest) Count() int {
	n := 0
	for _, e := range m {
		n += len(e.Files)
	}
	return n
}

// Check refuses a manifest that no process has written that means well.
func (m Manifest) Check() error {
	n := 0
	for i, e := range m {
		if !slices.Contains(uses, e.Use) {
			return fmt.Errorf("manifest: entry %d: %.64q: no such use", i, e.Use)
		}
		if len(e.Name) > maxName {
			return fmt.Errorf("manifest: entry %d: name of %d bytes: at most %d", i, len(e.Name), maxName)
		}
		if n += len(e.Files); len(e.Files) == 0 || n > MaxFiles {
			return fmt.Errorf("manifest: entry %d: %d descriptors after %d: want 1 or more, and %d in all at most", i, len(e.Files), n-len(e.Files), MaxFiles)
		}
		if slices.ContainsFunc(e.Files, func(s string) bool { return len(s) > maxPath }) {
			return fmt.Errorf("manifest: entry %d: a file's name has more than %d bytes", i, maxPath)
		}
		if slices.ContainsFunc(m[:i], func(o Entry) bool { return o.Use == e.Use && o.Name == e.Name }) {
			return fmt.Errorf("manifest: entry %d: %s %q is there already", i, e.Use, e.Name)
		}
	}
	return nil
}

// Open makes files of descriptors, the manifest's first being first. They are
// theirs from here on, also where there is an error. The manifest must have passed
// Check.
func (m Manifest) Open(first int) *Files {
	f := new(Files)
	for _, e := range m {
		g := group{use: e.Use, name: e.Name}
		for _, name := range e.Files {
			if e.Use == Share {
				// Its user waits with deadlines, and a program is started with
				// descriptors that block. One that is none fails where it is used.
				_ = unix.SetNonblock(first, true)
			}
			g.files = append(g.files, os.NewFile(uintptr(first), name))
			first++
		}
		f.groups = append(f.groups, g)
	}
	return f
}
