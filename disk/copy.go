package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Copy makes to, which is empty and open for writing, hold the bytes of the image
// file at path, with its holes. Where the file system can share blocks between files
// it takes no time and no space. The image may be in use, but must not change
// meanwhile; the copy is not synced. A block device is refused.
func Copy(to *os.File, path string) error {
	if err := copyFile(to, path); err != nil {
		return fmt.Errorf("disk %q: copy: %w", path, err)
	}
	return nil
}

func copyFile(to *os.File, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(err)
	}
	defer from.Close() // only read
	info, err := from.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is no file: what a block device holds cannot be kept beside it")
	}
	if unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil {
		return nil
	}
	if err := to.Truncate(info.Size()); err != nil {
		return err
	}
	for at := int64(0); at < info.Size(); {
		data, hole, err := nextData(from, at, info.Size())
		if err != nil || data == hole {
			return err
		}
		part := io.NewSectionReader(from, data, hole-data)
		if n, err := io.Copy(io.NewOffsetWriter(to, data), part); err != nil || n < hole-data {
			return errors.Join(err, fmt.Errorf("%d of %d bytes at %d", n, hole-data, data))
		}
		at = hole
	}
	return nil
}

// nextData is the next piece from at on that is no hole; an empty one at the end.
func nextData(f *os.File, at, size int64) (data, hole int64, err error) {
	data, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err != nil {
		return 0, 0, err
	}
	hole, err = unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE)
	return data, min(hole, size), err
}
