package kernel

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ImportDeb makes a bundle of a Debian package of a kernel, deb(5), such as
// linux-image-6.1.0-50-cloud-amd64: the image in /boot, the modules in
// /lib/modules or /usr/lib/modules. An empty name means the kernel's release. A
// bundle of that name is replaced.
func (s *Store) ImportDeb(ctx context.Context, deb, name string) (*Bundle, error) {
	bundle, err := s.importDeb(ctx, deb, name)
	if err != nil {
		return nil, fmt.Errorf("package %q: import: %w", deb, err)
	}
	return bundle, nil
}

func (s *Store) importDeb(ctx context.Context, deb, name string) (*Bundle, error) {
	f, err := openRegular(deb)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	return s.build(ctx, name, "package "+filepath.Base(deb), func(b *builder) (candidates, error) {
		data, err := debData(f)
		if err != nil {
			return nil, err
		}
		defer data.Close() // only read
		p := debImport{builder: b, mods: make(map[string]candidates), builtin: make(map[string]string)}
		if err := p.spoolTo(b.tmp.path); err != nil {
			return nil, err
		}
		return p.read(ctx, data)
	})
}

// debData finds the package's files, a tar archive, in the ar archive.
func debData(r io.Reader) (io.ReadCloser, error) {
	a, err := newArReader(r)
	if err != nil {
		return nil, err
	}
	for range 16 {
		name, err := a.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if suffix, ok := strings.CutPrefix(name, "data.tar"); ok {
			d, err := decompressor(suffix, a)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return d, nil
		}
	}
	return nil, errors.New("it has no data.tar: not a Debian package")
}

// debImport goes through a package once, front to back: the archive is unpacked
// in a second or ten, depending on how it is packed. Which modules are wanted is
// known only when all were seen, so that all are laid down in one file, as they
// are, and those wanted are read from there.
type debImport struct {
	*builder
	image   []byte
	release string                // the image's name says
	mods    map[string]candidates // by release
	builtin map[string]string     // modules.builtin by release
	spool   *os.File
	spooled int64
}

// spoolTo opens the file for the modules, which has no name: it ends with the
// last descriptor.
func (p *debImport) spoolTo(dir string) error {
	f, err := os.CreateTemp(dir, "spool-*")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	p.spool = f
	return nil
}

func (p *debImport) read(ctx context.Context, data io.Reader) (candidates, error) {
	limited := &io.LimitedReader{R: data, N: maxArchive}
	t := tar.NewReader(limited)
	for entries := 0; ; entries++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, capped(limited, err)
		}
		if entries >= maxEntries {
			return nil, fmt.Errorf("more than %d files", maxEntries)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := p.take(path.Clean("/"+h.Name), h.Size, t); err != nil {
			return nil, fmt.Errorf("file %q: %w", h.Name, capped(limited, err))
		}
	}
	if p.image == nil {
		return nil, errors.New("it has no kernel image, /boot/vmlinuz-RELEASE: is it a package that only depends on one?")
	}
	if err := p.setImage(p.image); err != nil {
		return nil, fmt.Errorf("kernel image: %w", err)
	}
	p.image = nil
	if p.manifest.Release != p.release {
		return nil, fmt.Errorf("kernel image: it is release %q, its name says %q", p.manifest.Release, p.release)
	}
	if err := p.setBuiltin(strings.NewReader(p.builtin[p.release])); err != nil {
		return nil, fmt.Errorf("modules.builtin: %w", err)
	}
	return p.mods[p.release], nil
}

// capped says it where an archive ended because it was longer than allowed.
func capped(l *io.LimitedReader, err error) error {
	if l.N <= 0 {
		return fmt.Errorf("more than %d bytes of files", int64(maxArchive))
	}
	return err
}

// take looks at one file of the package.
func (p *debImport) take(name string, size int64, r io.Reader) error {
	if release, ok := strings.CutPrefix(name, "/boot/vmlinuz-"); ok && !strings.Contains(release, "/") {
		if p.image != nil {
			return fmt.Errorf("a second kernel image, after that of %s", p.release)
		}
		if !validRelease(release) {
			return errors.New("not a kernel's release")
		}
		image, err := readCapped(r, maxImage)
		p.image, p.release = image, release
		return err
	}
	rest, ok := strings.CutPrefix(strings.TrimPrefix(name, "/usr"), "/lib/modules/")
	if !ok {
		return nil
	}
	release, file, ok := strings.Cut(rest, "/")
	if !ok || !validRelease(release) {
		return nil
	}
	switch {
	case file == "modules.builtin":
		if len(p.builtin) >= maxReleases {
			return fmt.Errorf("more than %d releases", maxReleases)
		}
		text, err := readCapped(r, maxText)
		p.builtin[release] = string(text)
		return err
	case isModuleFile(file):
		return p.takeModuleFile(release, "/"+file, size, r)
	}
	return nil
}

func (p *debImport) takeModuleFile(release, file string, size int64, r io.Reader) error {
	mods := p.mods[release]
	if mods == nil {
		if len(p.mods) >= maxReleases {
			return fmt.Errorf("more than %d releases", maxReleases)
		}
		mods = make(candidates)
		p.mods[release] = mods
	}
	if size > maxModule {
		return fmt.Errorf("%d bytes, at most %d", size, maxModule)
	}
	if p.spooled+size > maxSpool {
		return fmt.Errorf("more than %d bytes of modules", int64(maxSpool))
	}
	at := p.spooled
	n, err := io.Copy(p.spool, r)
	p.spooled += n
	if err != nil {
		return err
	}
	if n != size {
		return io.ErrUnexpectedEOF
	}
	return mods.add(file, candidate{size: size, open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(p.spool, at, size)), nil
	}})
}

// openRegular opens a regular file to read; anything else could block or never
// end.
func openRegular(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, reason(err)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	return f, nil
}
