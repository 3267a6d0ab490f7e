package staging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Files are copies of what monitors read.
type Files struct {
	Dir    string
	holder *exec.Cmd // keeps QEMU's program and libraries in memory
}

// New makes a folder for copies. QEMU and its libraries cannot be copied as
// simply: one without a machine runs until Remove, so that their pages stay. An
// empty qemu is none.
func New(qemu string) (_ *Files, err error) {
	f := new(Files)
	if f.Dir, err = os.MkdirTemp("", "bench-files"); err != nil {
		return nil, err
	}
	// Monitors may be another user's.
	if err := os.Chmod(f.Dir, 0o755); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	if qemu == "" {
		return f, nil
	}
	holder := exec.Command(qemu, "-M", "none", "-S", "-nodefaults", "-no-user-config", "-display", "none")
	if err := holder.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("QEMU: %w", err), f.Remove())
	}
	f.holder = holder
	return f, nil
}

// Copy copies files, and makes each path the copy's. No two may have one name.
func (f *Files) Copy(paths ...*string) error {
	for _, path := range paths {
		to := filepath.Join(f.Dir, filepath.Base(*path))
		if _, err := os.Stat(to); err == nil {
			return fmt.Errorf("file %q: another one has the same name", *path)
		}
		if err := copyFile(to, *path); err != nil {
			return err
		}
		*path = to
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// CopyPrograms copies Hull's programs from the folder that programs names, which
// names the copies' then.
func (f *Files) CopyPrograms(programs *string) error {
	for _, name := range []string{"hull", "hull-vmm", "hull-supervisor", "hull-agent", "hull-shell"} {
		path := filepath.Join(*programs, name)
		if err := f.Copy(&path); err != nil {
			return err
		}
	}
	*programs = f.Dir
	return nil
}

// Remove removes the copies.
func (f *Files) Remove() error {
	if f.holder != nil {
		_ = f.holder.Process.Kill() // it may have ended
		_ = f.holder.Wait()
	}
	return os.RemoveAll(f.Dir)
}
