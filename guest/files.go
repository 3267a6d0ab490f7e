package guest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest/kernel"
)

// File is an open file that a machine boots from.
type File struct {
	Name string // its path
	File io.ReaderAt
	Size int64 // bytes
}

// Files are what a machine boots from.
type Files struct {
	Kernel  File
	Initrd  File // the zero File for none
	Cmdline string

	closers []io.Closer
}

// Close closes the files.
func (f *Files) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	f.closers = nil
	return errors.Join(errs...)
}

// Descriptors are the files for another process to read; there may be no initrd,
// which is nil then. They stay f's.
func (f *Files) Descriptors() (kernel, initrd *os.File) {
	kernel, _ = f.Kernel.File.(*os.File) // as open makes them
	initrd, _ = f.Initrd.File.(*os.File)
	return kernel, initrd
}

// Open finds or makes the files of a machine. Nothing is left open on an error.
func Open(m *configs.Machine, d Dirs) (_ *Files, err error) {
	f := &Files{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	image, bundle, err := findKernel(m, d)
	if err != nil {
		return nil, err
	}
	if f.Kernel, err = f.open("kernel", image); err != nil {
		return nil, err
	}
	initrd := m.Boot.Initrd
	if initrd == configs.InitrdBuilt {
		if initrd, err = buildInitrd(m, bundle, d); err != nil {
			return nil, err
		}
	}
	if initrd != configs.InitrdNone {
		if f.Initrd, err = f.open("initrd", initrd); err != nil {
			return nil, err
		}
	}
	if f.Cmdline, err = cmdline(m); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Files) open(what, path string) (File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return File{}, fmt.Errorf("%s %q: open: %w", what, path, cause(err))
	}
	file, err := os.Open(path)
	if err != nil {
		return File{}, fmt.Errorf("%s %q: open: %w", what, path, cause(err))
	}
	f.closers = append(f.closers, file)
	return File{Name: path, File: file, Size: info.Size()}, nil
}

// cause is an error without the path, which the message names already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// findKernel returns the file to boot, and the bundle where it is one's.
func findKernel(m *configs.Machine, d Dirs) (string, *kernel.Bundle, error) {
	packed := m.Boot.Protocol == configs.ProtocolBZImage
	if m.Boot.OwnKernelFile() {
		if packed {
			return m.Boot.Kernel, nil, nil
		}
		path, err := kernel.VMLinux(m.Boot.Kernel, "", d.Cache)
		return path, nil, err
	}
	bundle, err := kernel.OpenStore(d.Kernels).Get(m.Boot.Kernel)
	if errors.Is(err, kernel.ErrNotFound) {
		return "", nil, fmt.Errorf("%w: hull kernel ls shows what there is, hull kernel pull gets one (for a file, write its path with a /)", err)
	}
	if err != nil {
		return "", nil, err
	}
	if packed {
		return bundle.Image(), bundle, nil
	}
	path, err := kernel.VMLinux(bundle.Image(), bundle.Manifest.Image.SHA256, d.Cache)
	return path, bundle, err
}
