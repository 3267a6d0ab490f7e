package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ImportImage makes a bundle of a kernel image, bzImage or ELF, and the
// directory of its modules: /lib/modules/RELEASE, or what has such a tree below
// it (make INSTALL_MOD_PATH=). An empty modules means a kernel without any. An
// empty name means the kernel's release. A bundle of that name is replaced.
func (s *Store) ImportImage(ctx context.Context, vmlinuz, modules, name string) (*Bundle, error) {
	source := "image " + vmlinuz
	if modules != "" {
		source += ", modules " + modules
	}
	return s.importFiles(ctx, vmlinuz, modules, name, source)
}

// ImportHost makes a bundle of the running host's kernel: its image is looked
// for where distributions put it.
func (s *Store) ImportHost(ctx context.Context, name string) (*Bundle, error) {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, fmt.Errorf("running kernel: release: %w", err)
	}
	return s.importHost(ctx, "/", strings.TrimSpace(string(text)), name)
}

// importHost does it for the kernel of a release below a root directory.
func (s *Store) importHost(ctx context.Context, root, release, name string) (*Bundle, error) {
	if !validRelease(release) {
		return nil, fmt.Errorf("running kernel: release %q is none that Hull knows", release)
	}
	images := []string{
		filepath.Join(root, "boot", "vmlinuz-"+release),
		filepath.Join(root, "lib/modules", release, "vmlinuz"),
		filepath.Join(root, "usr/lib/modules", release, "vmlinuz"),
	}
	image, err := firstFile(images)
	if err != nil {
		return nil, fmt.Errorf("running kernel %s: image: %w: import the files it was made of (--vmlinuz, --modules), or pull a distribution's kernel (hull kernel pull)", release, err)
	}
	modules, err := firstFile([]string{
		filepath.Join(root, "lib/modules", release),
		filepath.Join(root, "usr/lib/modules", release),
	})
	if errors.Is(err, fs.ErrNotExist) {
		modules = "" // a kernel without modules
	} else if err != nil {
		return nil, fmt.Errorf("running kernel %s: modules: %w", release, err)
	}
	return s.importFiles(ctx, image, modules, name, "the running kernel of the host")
}

func firstFile(paths []string) (string, error) {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%w: looked for %s", fs.ErrNotExist, strings.Join(paths, ", "))
}

func (s *Store) importFiles(ctx context.Context, vmlinuz, modules, name, source string) (*Bundle, error) {
	bundle, err := s.build(ctx, name, source, func(b *builder) (candidates, error) {
		f, err := openRegular(vmlinuz)
		if err != nil {
			return nil, err
		}
		image, err := readCapped(f, maxImage)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		if err := b.setImage(image); err != nil {
			return nil, err
		}
		if modules == "" {
			return nil, nil
		}
		dir, err := modulesOf(modules, b.manifest.Release)
		if err != nil {
			return nil, err
		}
		return b.readTree(ctx, dir)
	})
	if err != nil {
		return nil, fmt.Errorf("kernel image %q: import: %w", vmlinuz, err)
	}
	return bundle, nil
}

// modulesOf finds the modules of a release in or below a directory.
func modulesOf(dir, release string) (string, error) {
	below := []string{release, "lib/modules/" + release, "usr/lib/modules/" + release}
	if release == "" {
		below = nil
	}
	for _, sub := range append(below, ".") {
		p := filepath.Join(dir, sub)
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist) && sub != ".":
			continue
		case err != nil:
			return "", fmt.Errorf("modules %q: open: %w", p, reason(err))
		case !info.IsDir():
			return "", fmt.Errorf("modules %q: not a directory", p)
		}
		return p, nil
	}
	return "", fmt.Errorf("modules %q: not a directory", dir)
}

// readTree lists the modules below a directory, without following links.
func (b *builder) readTree(ctx context.Context, dir string) (candidates, error) {
	mods := make(candidates)
	dir, err := filepath.EvalSymlinks(dir) // WalkDir does not enter a link
	if err != nil {
		return nil, fmt.Errorf("modules %q: open: %w", dir, reason(err))
	}
	entries := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !d.Type().IsRegular() || !isModuleFile(d.Name()):
			return nil
		}
		if entries++; entries > maxEntries {
			return fmt.Errorf("more than %d files", maxEntries)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return mods.add(strings.TrimPrefix(path, dir), candidate{
			size: info.Size(),
			open: func() (io.ReadCloser, error) { return openRegular(path) },
		})
	})
	if err != nil {
		return nil, fmt.Errorf("modules %q: read: %w", dir, err)
	}
	f, err := openRegular(filepath.Join(dir, "modules.builtin"))
	if errors.Is(err, fs.ErrNotExist) {
		return mods, nil // an incomplete tree; what is built in will be missed by name
	}
	if err != nil {
		return nil, fmt.Errorf("modules.builtin: %w", err)
	}
	err = b.setBuiltin(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("modules.builtin: %w", err)
	}
	return mods, nil
}
