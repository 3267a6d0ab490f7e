package lab

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/hullvm/hull/internal/durable"
)

// emulatorName is the program that a lab host runs in.
const emulatorName = "qemu-system-x86_64"

const (
	maxEmulator = 256 << 20 // bytes; Debian's are 18 and 29 MB
	maxBuildID  = 64        // bytes of the note's descriptor
)

// Emulator is the program that a lab host runs in.
type Emulator struct {
	// Installed is the program that was found, Path the one that runs: a mended
	// copy of it, or the same.
	Installed string `json:"installed"`
	Path      string `json:"path"`

	// BuildID is the linker's identification of the build, in hex.
	BuildID string `json:"build_id,omitempty"`

	// Mended says that Path holds the cures of the known bugs; Remark says which
	// build that is, or why there is none.
	Mended bool   `json:"mended"`
	Remark string `json:"remark"`
}

// FindEmulator looks for the emulator: at override unless that is empty, else
// in the PATH.
func FindEmulator(override string) (string, error) {
	name := emulatorName
	if override != "" {
		name = override
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("emulator %q: find: %w (Debian: apt-get install qemu-system-x86)", name, reason(err))
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", fmt.Errorf("emulator %q: find: %w", name, err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("emulator %q: find: %w", name, reason(err))
	}
	return path, nil
}

// PrepareEmulator says which program to run for the installed one. Where the
// table of builds has its mend, that is a copy below cacheDir, made if it is
// not there yet; the installed file is never touched. Only what prevents any
// run is an error: without a mend the installed program runs, and Remark says
// why.
func PrepareEmulator(installed, cacheDir string) (*Emulator, error) {
	e := &Emulator{Installed: installed, Path: installed}
	image, err := readEmulator(installed)
	if err != nil {
		return nil, err
	}
	id, err := buildID(image)
	if err != nil {
		e.Remark = "not mended: " + err.Error()
		return e, nil
	}
	e.BuildID = hex.EncodeToString(id)
	m := mendFor(e.BuildID)
	if m == nil {
		e.Remark = "not mended: build " + e.BuildID + " is not in the table of known builds"
		return e, nil
	}
	if err := m.apply(image); err != nil {
		e.Remark = fmt.Sprintf("not mended: %s: %v", m.build, err)
		return e, nil
	}
	path, err := putEmulator(image, e, cacheDir)
	if err != nil {
		e.Remark = fmt.Sprintf("not mended: %s: %v", m.build, err)
		return e, nil
	}
	e.Path, e.Mended, e.Remark = path, true, "mended: "+m.build
	return e, nil
}

func readEmulator(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("emulator %q: open: %w", path, reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("emulator %q: look up: %w", path, reason(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxEmulator {
		return nil, fmt.Errorf("emulator %q: read: want a regular file of at most %d bytes", path, maxEmulator)
	}
	image, err := io.ReadAll(io.LimitReader(f, maxEmulator))
	if err != nil {
		return nil, fmt.Errorf("emulator %q: read: %w", path, reason(err))
	}
	return image, nil
}

// buildID reads the GNU build id note of a program (elf(5), Notes).
func buildID(image []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, fmt.Errorf("no ELF program: %w", err)
	}
	s := f.Section(".note.gnu.build-id")
	if s == nil || s.Type != elf.SHT_NOTE {
		return nil, errors.New("the program has no build id")
	}
	const header, name = 12, 4 // three words, then "GNU\0"
	if s.FileSize < header+name || s.FileSize > header+name+maxBuildID {
		return nil, fmt.Errorf("the build id's section has %d bytes", s.FileSize)
	}
	note := make([]byte, s.FileSize)
	if _, err := s.ReadAt(note, 0); err != nil {
		return nil, fmt.Errorf("the build id cannot be read: %w", err)
	}
	order := f.ByteOrder
	size := uint64(order.Uint32(note[4:]))
	if order.Uint32(note) != name || string(note[header:header+name]) != "GNU\x00" ||
		size == 0 || size > uint64(len(note)-header-name) {
		return nil, errors.New("the build id's note is damaged")
	}
	return note[header+name:][:size], nil
}

// putEmulator puts a mended program into the cache and returns its path. The
// program finds its firmware and its modules relative to itself, so that the
// copy stands in a bin beside links to the installation's other directories.
func putEmulator(image []byte, e *Emulator, cacheDir string) (string, error) {
	dir := filepath.Join(cacheDir, "emulator", e.BuildID)
	path := filepath.Join(dir, "bin", filepath.Base(e.Installed))
	if same(path, image) {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("cache %q: create: %w", dir, reason(err))
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), durable.TempPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("cache %q: create: %w", dir, reason(err))
	}
	defer os.RemoveAll(tmp) // gone already when all went well
	if err := fillEmulator(tmp, image, e.Installed); err != nil {
		return "", fmt.Errorf("cache %q: write: %w", dir, reason(err))
	}
	err = durable.PutDir(tmp, dir)
	if errors.Is(err, fs.ErrExist) {
		// Another process was faster, or what stood there was not whole.
		if same(path, image) {
			return path, nil
		}
		err = durable.SwapDir(tmp, dir)
	}
	if err != nil {
		return "", err
	}
	return path, nil
}

func fillEmulator(dir string, image []byte, installed string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(bin, filepath.Base(installed)), image, 0o755); err != nil {
		return err
	}
	prefix := filepath.Dir(filepath.Dir(installed))
	for _, name := range []string{"share", "lib", "lib64", "libexec"} {
		target := filepath.Join(prefix, name)
		if _, err := os.Stat(target); err != nil {
			continue
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// same says whether the file holds just these bytes.
func same(path string, image []byte) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(image)) {
		return false
	}
	there, err := os.ReadFile(path)
	return err == nil && bytes.Equal(there, image)
}

// reason is an error without the operation and path that the text around it
// has said.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		return lookup.Err
	}
	return err
}
