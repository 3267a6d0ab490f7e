package guest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest/kernel"
)

// File is an open file that a machine boots from.
type File struct {
	Name string // its path, for messages
	File io.ReaderAt
	Size int64 // bytes
}

// Files are what a machine boots from.
type Files struct {
	Kernel  File
	Initrd  File // the zero File for none
	Cmdline string

	kernel *os.File
	initrd []*os.File // that make Initrd together
}

// Close closes the files. A machine that is built has them in its memory.
func (f *Files) Close() error {
	var errs []error
	for _, file := range f.initrd {
		errs = append(errs, file.Close())
	}
	if f.kernel != nil {
		errs = append(errs, f.kernel.Close())
	}
	f.kernel, f.initrd = nil, nil
	return errors.Join(errs...)
}

// Descriptors are the files for another process to read. The initrd is its archives
// in their order, which package archives joins; nil for none. They stay f's.
func (f *Files) Descriptors() (kernel *os.File, initrd []*os.File) {
	return f.kernel, slices.Clone(f.initrd)
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
	if f.kernel, f.Kernel, err = open("kernel", image); err != nil {
		return nil, err
	}
	switch m.Boot.Initrd {
	case configs.InitrdBuilt:
		err = f.buildInitrd(m, bundle, d)
	case configs.InitrdNone:
	default:
		var file *os.File
		if file, f.Initrd, err = open("initrd", m.Boot.Initrd); err == nil {
			f.initrd = []*os.File{file}
		}
	}
	if err != nil {
		return nil, err
	}
	if f.Cmdline, err = cmdline(m); err != nil {
		return nil, err
	}
	return f, nil
}

func open(what, path string) (*os.File, File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, File{}, fmt.Errorf("%s %q: open: %w", what, path, cause(err))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, File{}, fmt.Errorf("%s %q: open: %w", what, path, cause(err))
	}
	return file, File{Name: path, File: file, Size: info.Size()}, nil
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
