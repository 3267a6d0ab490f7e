package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// guestWriteFile writes SEED's SIZE bytes to FILE, to be read by others.
func guestWriteFile(args []string) error {
	if len(args) != 3 {
		return errors.New("FILE SEED SIZE")
	}
	n, err := numbers(args[1:], 2)
	if err != nil {
		return err
	}
	return writePattern(args[0], uint64(n[0]), n[1])
}

func writePattern(path string, seed uint64, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{f}, pattern(seed, size))
	return errors.Join(err, f.Sync(), f.Close())
}

// guestCheckFile compares FILE with SEED's SIZE bytes.
func guestCheckFile(args []string) error {
	if len(args) != 3 {
		return errors.New("FILE SEED SIZE")
	}
	n, err := numbers(args[1:], 2)
	if err != nil {
		return err
	}
	return checkPattern(args[0], uint64(n[0]), n[1])
}

func checkPattern(path string, seed uint64, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return matches(f, seed, size)
}

// guestManyFiles makes COUNT small files below DIR and lists them, and has a look
// at every tenth: reads, renames and removes it.
func guestManyFiles(args []string) error {
	if len(args) != 2 {
		return errors.New("DIR COUNT")
	}
	n, err := numbers(args[1:], 1)
	if err != nil {
		return err
	}
	dir, count := args[0], int(n[0])
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("file-%05d", i)) }
	for i := range count {
		if err := os.WriteFile(name(i), []byte(name(i)), 0o600); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) != count {
		return fmt.Errorf("%d files are listed, want %d", len(entries), count)
	}
	for i := 0; i < count; i += 10 {
		if err := os.Rename(name(i), name(i)+".renamed"); err != nil {
			return err
		}
		if b, err := os.ReadFile(name(i) + ".renamed"); err != nil || string(b) != name(i) {
			return fmt.Errorf("%s: %q, %v", name(i), b, err)
		}
		if err := os.Remove(name(i) + ".renamed"); err != nil {
			return err
		}
	}
	return nil
}

// guestDisk changes DISK by SEED, in COUNT steps: writes and zeroes of random
// place and size. Equal seeds leave equal disks.
func guestDisk(args []string) error {
	if len(args) != 3 {
		return errors.New("DISK SEED COUNT")
	}
	n, err := numbers(args[1:], 2)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(args[0], os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	content := random(uint64(n[0]))
	choice := rand.New(random(uint64(n[0]) + 1))
	buffer, err := aligned(256 << 10)
	if err != nil {
		return err
	}
	for range n[1] {
		length := (choice.Int64N(int64(len(buffer)))/512 + 1) * 512
		at := choice.Int64N((size-length)/512+1) * 512
		if choice.IntN(4) == 0 {
			if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_ZERO_RANGE, at, length); err != nil {
				return fmt.Errorf("zeroes: %w", err)
			}
			continue
		}
		_, _ = content.Read(buffer[:length]) // never fails
		if _, err := f.WriteAt(buffer[:length], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// guestLoad writes and reads DISK at several places at once, and compares, for
// ROUNDS rounds; 0 goes on for ever. It says "written" now and then.
func guestLoad(args []string) error {
	if len(args) != 2 {
		return errors.New("DISK ROUNDS")
	}
	n, err := numbers(args[1:], 1)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(args[0], os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	const workers = 4
	var all sync.WaitGroup
	errs := make([]error, workers)
	for i := range workers {
		all.Go(func() {
			share := size / workers
			errs[i] = load(f, uint64(i), int64(i)*share, share, n[0])
		})
	}
	fmt.Println("working")
	all.Wait()
	return errors.Join(errs...)
}

// load keeps to its own part of a disk.
func load(f *os.File, seed uint64, from, size, rounds int64) error {
	const block = 64 << 10
	content, choice := random(seed), rand.New(random(^seed))
	wrote, err := aligned(block)
	if err != nil {
		return err
	}
	read, err := aligned(block)
	if err != nil {
		return err
	}
	for i := int64(0); rounds == 0 || i < rounds; i++ {
		at := from + choice.Int64N((size-block)/4096)*4096
		_, _ = content.Read(wrote) // never fails
		if _, err := f.WriteAt(wrote, at); err != nil {
			return err
		}
		if i%8 == 0 {
			if err := f.Sync(); err != nil {
				return err
			}
		}
		if _, err := f.ReadAt(read, at); err != nil {
			return err
		}
		if !bytes.Equal(read, wrote) {
			return fmt.Errorf("what was written at %d comes back changed", at)
		}
		if i%32 == 31 {
			fmt.Println("written")
		}
	}
	return nil
}

// aligned is memory for direct I/O.
func aligned(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
}
