package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hullvm/hull/disk/hostfile"
	"github.com/hullvm/hull/disk/qcow2"
)

// Layer is one of the files that make an image.
type Layer struct {
	Path   string // as the image above it names it, or as it was asked for
	Format string
	Size   int64 // of the disk, bytes

	// Backing is what its header names, as it is written there; empty for none.
	Backing string
}

// Layers are the files that make the image at path, itself first. None is opened
// for longer than that takes, and none locked. backing lists what may be below it, as
// Options.BackingAllowed.
func Layers(path, format string, backing []string) (layers []Layer, err error) {
	files, err := OpenFiles(path, Options{Format: format, ReadOnly: true, BackingAllowed: backing})
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	for _, f := range files {
		l := Layer{Path: f.Name(), Format: format}
		if format == Raw {
			l.Size, err = f.Seek(0, io.SeekEnd)
			return append(layers, l), err
		}
		header, err := readHeader(f)
		if err != nil {
			return nil, err
		}
		l.Size, l.Backing, format = header.Size, header.BackingFile, header.BackingFormat
		layers = append(layers, l)
	}
	return layers, nil
}

// readHeader reads a header through a descriptor of its own, so that f stays as it
// is; nothing is locked by it, and closing it gives up no lock.
func readHeader(f *os.File) (*qcow2.Header, error) {
	h, err := hostfile.Dup(f)
	if err != nil {
		return nil, fmt.Errorf("disk %q: %w", f.Name(), err)
	}
	header, err := qcow2.ReadHeader(h)
	return header, errors.Join(err, h.Close())
}
