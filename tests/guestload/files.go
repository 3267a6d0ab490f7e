package guestload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// files are what a worker has written into a folder.
type files struct {
	folder string
	seed   uint64
	kept   map[int]kept
}

type kept struct {
	seed uint64
	size int
}

const (
	fileCount = 16
	fileSize  = 256 << 10
)

func (f *files) path(i int) string { return filepath.Join(f.folder, fmt.Sprintf("file-%02d", i)) }

// write replaces a file, as programs do that must not lose one: the new one is on the
// disk before it has its name.
func (f *files) write(i int, k kept) (err error) {
	temporary := f.path(i) + ".new"
	file, err := os.Create(temporary)
	if err != nil {
		return err
	}
	_, err = file.Write(content(k))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	f.kept[i] = k
	return os.Rename(temporary, f.path(i))
}

// check reads a file, from the disk and not from the guest's memory where cold.
func (f *files) check(i int, cold bool) error {
	k, ok := f.kept[i]
	if !ok {
		return nil
	}
	file, err := os.Open(f.path(i))
	if err != nil {
		return err
	}
	defer file.Close()
	if cold {
		if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			return err
		}
	}
	b, err := io.ReadAll(file)
	if err == nil && !bytes.Equal(b, content(k)) {
		err = fmt.Errorf("%s: its %d bytes are not the %d that were written (seed %d)", file.Name(), len(b), k.size, k.seed)
	}
	return err
}

func content(k kept) []byte {
	b := make([]byte, k.size)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(k.seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// writeFiles has a folder written to, and read.
func (l *load) writeFiles(seed uint64, folder string) {
	f := &files{folder: folder, seed: seed, kept: make(map[int]kept)}
	choice := rand.New(rand.NewPCG(seed, 3))
	l.checks = append(l.checks, func() error {
		for i := range f.kept {
			if err := f.check(i, true); err != nil {
				return err
			}
		}
		return nil
	})
	go l.work("files "+folder, func() error {
		if err := f.write(choice.IntN(fileCount), kept{seed: choice.Uint64(), size: choice.IntN(fileSize)}); err != nil {
			return err
		}
		return f.check(choice.IntN(fileCount), choice.IntN(2) == 0)
	})
}
