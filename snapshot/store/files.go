package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/snapshot"
)

// openFile opens a regular file of a snapshot for reading: no link, and nothing that
// would have the opener wait.
func openFile(dir, name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("file %q: %w", name, causeOf(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("file %q: %w", name, causeOf(err)), f.Close())
	}
	return f, nil
}

func readFile(dir, name string, most int64) ([]byte, error) {
	f, err := openFile(dir, name)
	if err != nil {
		return nil, err
	}
	b, err := content(f, most)
	return b, errors.Join(err, f.Close())
}

// readHashed reads a file whose SHA-256 is known.
func readHashed(dir, name, want string, most int64) ([]byte, error) {
	b, err := readFile(dir, name, most)
	if err == nil {
		err = checkHash(name, b, want)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func checkHash(name string, b []byte, want string) error {
	if hash(b) != want {
		return fmt.Errorf("file %q: it is not the one that the manifest is of: its SHA-256 is another", name)
	}
	return nil
}

// readManifest reads the manifest of the snapshot of a name, and its hash.
func readManifest(dir, name string) (*snapshot.Manifest, string, error) {
	b, err := readFile(dir, snapshot.ManifestFile, snapshot.MaxManifest)
	if err != nil {
		return nil, "", err
	}
	m, err := snapshot.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, "", err
	}
	if m.Name != name {
		return nil, "", fmt.Errorf("it was taken as %q, and renaming is not for snapshots", m.Name)
	}
	return m, hash(b), nil
}

// causeOf is an error without the path that the message has already.
func causeOf(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
