package monitor_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/internal/calltrace"
	"github.com/hullvm/hull/internal/signaltest"
)

// program is hull-vmm, built without cgo as it is for users: with it, Go makes no
// system call in all threads.
var program string

func TestMain(m *testing.M) {
	calltrace.Main()
	if len(os.Args) > 1 && os.Args[1] == supervisorMode {
		os.Exit(supervise(os.Args[2:]))
	}
	os.Exit(build(m))
}

func build(m *testing.M) int {
	signaltest.Default()
	dir, err := os.MkdirTemp("", "monitor")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "hull-vmm")
	if programs := os.Getenv("HULL_PROGRAMS"); programs != "" {
		program = filepath.Join(programs, "hull-vmm")
	} else {
		cmd := exec.Command("go", "build", "-o", program, "../cmd/hull-vmm")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
