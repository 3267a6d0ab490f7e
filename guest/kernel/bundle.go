package kernel

import (
	"fmt"
	"path/filepath"
	"slices"
)

// Bundle is a kernel in a store.
type Bundle struct {
	// Name is what machine files call it.
	Name string

	// Dir is its directory. Nothing in it may be changed.
	Dir string

	Manifest
}

// Image is the path of the kernel image as it was packed: bzImage or ELF.
func (b *Bundle) Image() string { return filepath.Join(b.Dir, imageFile) }

// LoadedModule is a module in the order of loading.
type LoadedModule struct {
	Name   string // as the kernel knows it
	Path   string // of the decompressed file
	SHA256 string // of it, in hexadecimal

	// Soft is set where no module that was asked for needs it: it is only there
	// as somebody's soft dependency, and may fail to load.
	Soft bool
}

// Has says whether the kernel has a module: in the bundle, or built in.
func (b *Bundle) Has(name string) bool {
	name = moduleName(name)
	return name != "" && (b.module(name) != nil || b.builtin(name))
}

func (b *Bundle) builtin(name string) bool {
	_, ok := slices.BinarySearch(b.Builtin, name)
	return ok
}

// Modules returns the modules of want with all they depend on, each once and
// after what it depends on. A wanted module that is built into the kernel is
// passed over; one that is nowhere is an error that names it. In names, "-" is
// "_".
func (b *Bundle) Modules(want []string) ([]LoadedModule, error) {
	l := loader{
		bundle: b, state: make(map[string]int),
		aliases: make(map[string][]string), whole: make(map[string]bool),
	}
	for i := range b.Manifest.Modules {
		for _, a := range b.Manifest.Modules[i].Aliases {
			l.aliases[a] = append(l.aliases[a], b.Manifest.Modules[i].Name)
		}
	}
	for _, name := range want {
		if err := l.add(name, "", false); err != nil {
			return nil, fmt.Errorf("kernel %q: %w", b.Name, err)
		}
	}
	return l.order, nil
}

// Depths of a chain of dependencies: those of Linux are below ten.
const maxDepth = 64

const (
	unseen = iota
	open   // being added: seen again, it is part of a circle
	added
)

// loader walks the dependencies, depth first.
type loader struct {
	bundle  *Bundle
	state   map[string]int
	aliases map[string][]string
	whole   map[string]bool // what complete said
	order   []LoadedModule
	depth   int
}

func (l *loader) add(asked, from string, soft bool) error {
	name := moduleName(asked)
	if name == "" {
		return fmt.Errorf("module %q: not the name of a module", asked)
	}
	switch l.state[name] {
	case added:
		if !soft {
			l.harden(name)
		}
		return nil
	case open:
		return fmt.Errorf("module %q: it depends on itself by way of %q", name, from)
	}
	m := l.bundle.module(name)
	if m == nil {
		switch {
		case l.bundle.builtin(name):
			return nil
		case from != "":
			return fmt.Errorf("module %q: it needs %q, which the bundle lacks", from, name)
		default:
			return fmt.Errorf("module %q: neither in the bundle nor built in", name)
		}
	}
	if l.depth++; l.depth > maxDepth {
		return fmt.Errorf("module %q: its dependencies are more than %d deep", name, maxDepth)
	}
	l.state[name] = open
	for _, dep := range m.Softdeps {
		if err := l.addSoft(dep, name); err != nil {
			return err
		}
	}
	for _, dep := range m.Depends {
		if err := l.add(dep, name, soft); err != nil {
			return err
		}
	}
	l.depth--
	l.state[name] = added
	path := filepath.Join(l.bundle.Dir, modulesDir, name+".ko")
	if err := checkFile(path, m.Size); err != nil {
		return fmt.Errorf("module %q: file %q: %w", name, path, err)
	}
	l.order = append(l.order, LoadedModule{Name: name, Path: path, SHA256: m.SHA256, Soft: soft})
	return nil
}

// addSoft adds a soft dependency, which may be a module's name, an alias of
// several, or nothing that this kernel has.
func (l *loader) addSoft(dep, from string) error {
	names := l.aliases[dep]
	if name := moduleName(dep); l.bundle.module(name) != nil {
		names = []string{name}
	}
	for _, name := range names {
		// An incomplete bundle is no reason to fail for a mere wish. In a circle
		// of wishes, whoever came first is loaded last.
		if l.state[name] != open && l.complete(name, 0) {
			if err := l.add(name, from, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// complete says whether a module is there with all it depends on.
func (l *loader) complete(name string, depth int) bool {
	if known, ok := l.whole[name]; ok {
		return known
	}
	m := l.bundle.module(name)
	if m == nil {
		return l.bundle.builtin(name)
	}
	if depth > maxDepth {
		return false
	}
	l.whole[name] = true // ends a circle, which add reports
	for _, dep := range m.Depends {
		if !l.complete(dep, depth+1) {
			l.whole[name] = false
			return false
		}
	}
	return true
}

// harden marks what was added as a wish as needed after all.
func (l *loader) harden(name string) {
	i := slices.IndexFunc(l.order, func(m LoadedModule) bool { return m.Name == name })
	if i < 0 || !l.order[i].Soft {
		return
	}
	l.order[i].Soft = false
	for _, dep := range l.bundle.module(name).Depends {
		l.harden(dep)
	}
}
