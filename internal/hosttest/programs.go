package hosttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// WithPrograms runs the tests of a package that need programs, and returns run's
// exit status. It builds the program of each folder under the folder's name, as it
// is shipped: without cgo, with which Go makes no system call in all threads. They
// are in a folder of their own, which run is given, and any user of the host may
// run them.
func WithPrograms(run func(dir string) int, folders ...string) int {
	dir, err := os.MkdirTemp("", "programs")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, folder := range folders {
		if err := build(dir, folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run(dir)
}

func build(dir, folder string) error {
	source, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, filepath.Base(source)), source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", folder, err, out)
	}
	return nil
}
