package kernel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hullvm/hull/internal/durable"
)

// candidate is a module that an import may take.
type candidate struct {
	file string // the name it came under, which tells how it is packed
	size int64  // in bytes, as packed
	open func() (io.ReadCloser, error)
}

// candidates are the modules of one kernel by name.
type candidates map[string]candidate

// add takes a module in. Where two have one name, that under updates counts, as
// for modprobe, else the first.
func (c candidates) add(file string, m candidate) error {
	name := moduleName(file)
	if name == "" {
		return nil // such a file is no module
	}
	if old, ok := c[name]; ok && (isUpdate(old.file) || !isUpdate(file)) {
		return nil
	}
	if len(c) >= maxModules {
		return fmt.Errorf("more than %d modules", maxModules)
	}
	if m.size > maxModule {
		return fmt.Errorf("module %q: %d bytes, at most %d", name, m.size, maxModule)
	}
	m.file = file
	c[name] = m
	return nil
}

func isUpdate(file string) bool { return strings.Contains(file, "/updates/") }

// builder fills a bundle under a temporary name.
type builder struct {
	store    *Store
	name     string // of the bundle; empty for the release
	tmp      *tempDir
	manifest Manifest
}

// build makes a bundle: fill puts the image in, and returns the modules there
// are. On any failure nothing is left.
func (s *Store) build(ctx context.Context, name, source string, fill func(*builder) (candidates, error)) (_ *Bundle, err error) {
	if name != "" {
		if err := checkName(name); err != nil {
			return nil, err
		}
	}
	tmp, err := s.newTemp()
	if err != nil {
		return nil, err
	}
	defer tmp.close()
	// After a success this removes the bundle that was replaced, if any.
	defer func() { err = errors.Join(err, tmp.remove()) }()

	b := &builder{store: s, name: name, tmp: tmp, manifest: Manifest{Version: manifestVersion, Source: source}}
	mods, err := fill(b)
	if err != nil {
		return nil, err
	}
	if b.manifest.Image.Size == 0 {
		return nil, errors.New("no kernel image in it")
	}
	if err := b.takeModules(ctx, mods); err != nil {
		return nil, err
	}
	return b.finish()
}

// setImage puts the kernel image in.
func (b *builder) setImage(image []byte) error {
	kind, release, err := identify(image)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(image)
	b.manifest.Release = release
	b.manifest.Image = Image{Format: string(kind), Size: int64(len(image)), SHA256: hex.EncodeToString(sum[:])}
	return os.WriteFile(filepath.Join(b.tmp.path, imageFile), image, 0o644)
}

// setBuiltin reads modules.builtin: a path in each line.
func (b *builder) setBuiltin(r io.Reader) error {
	text, err := readCapped(r, maxText)
	if err != nil {
		return err
	}
	var names []string
	for line := range bytes.Lines(text) {
		if name := moduleName(strings.TrimSpace(string(line))); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxModules {
		return fmt.Errorf("%d modules built in, at most %d", len(names), maxModules)
	}
	b.manifest.Builtin = names
	return nil
}

// takeModules puts those modules in that Hull can use, and what they depend on.
func (b *builder) takeModules(ctx context.Context, mods candidates) error {
	if err := os.Mkdir(filepath.Join(b.tmp.path, modulesDir), 0o755); err != nil {
		return err
	}
	var queue []string
	for name := range mods {
		if isRoot(name) {
			queue = append(queue, name)
		}
	}
	slices.Sort(queue)
	seen := make(map[string]bool)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		m, ok := mods[name]
		if seen[name] || !ok {
			continue // what is missing is named when it is asked for
		}
		seen[name] = true
		if err := ctx.Err(); err != nil {
			return err
		}
		taken, err := b.takeModule(name, m)
		if err != nil {
			return fmt.Errorf("module %q: %w", name, err)
		}
		b.manifest.Modules = append(b.manifest.Modules, taken)
		queue = append(queue, taken.Depends...)
		for _, dep := range taken.Softdeps {
			queue = append(queue, moduleName(dep))
		}
	}
	slices.SortFunc(b.manifest.Modules, func(x, y Module) int { return cmp.Compare(x.Name, y.Name) })
	return nil
}

func (b *builder) takeModule(name string, m candidate) (Module, error) {
	r, err := m.open()
	if err != nil {
		return Module{}, err
	}
	packed, err := readCapped(r, maxModule)
	if err := errors.Join(err, r.Close()); err != nil {
		return Module{}, err
	}
	module, err := unpackModule(m.file, packed)
	if err != nil {
		return Module{}, err
	}
	info, err := parseModinfo(module)
	if err != nil {
		return Module{}, err
	}
	if b.manifest.Release == "" && validRelease(info.release) {
		b.manifest.Release = info.release
	}
	if info.release != b.manifest.Release {
		return Module{}, fmt.Errorf("built for kernel %q, not %q", info.release, b.manifest.Release)
	}
	sum := sha256.Sum256(module)
	if err := os.WriteFile(filepath.Join(b.tmp.path, modulesDir, name+".ko"), module, 0o644); err != nil {
		return Module{}, err
	}
	return Module{
		Name: name, Size: int64(len(module)), SHA256: hex.EncodeToString(sum[:]),
		Depends: info.depends, Softdeps: info.softdeps, Aliases: info.aliases,
	}, nil
}

// finish puts the bundle in place; one of the same name is replaced.
func (b *builder) finish() (*Bundle, error) {
	if b.name == "" {
		b.name = b.manifest.Release
		if b.name == "" {
			return nil, errors.New("the image does not say its release: give the bundle a name")
		}
		if err := checkName(b.name); err != nil {
			return nil, err
		}
	}
	text, err := b.manifest.encode()
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(b.tmp.path, manifestFile), text, 0o644); err != nil {
		return nil, err
	}
	if err := os.Chmod(b.tmp.path, 0o755); err != nil {
		return nil, err
	}
	final := filepath.Join(b.store.dir, b.name)
	// Others may put and remove the same name meanwhile; each turn of this loop
	// means that one of them got through.
	for {
		err := durable.PutDir(b.tmp.path, final)
		if errors.Is(err, fs.ErrExist) {
			err = durable.SwapDir(b.tmp.path, final)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		return &Bundle{Name: b.name, Dir: final, Manifest: b.manifest}, nil
	}
}
