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

// programs is the folder of hull's programs, built without cgo as they are for users:
// with it, Go makes no system call in all threads. program is hull-vmm.
var programs, program string

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
	programs = os.Getenv("HULL_PROGRAMS")
	if programs == "" {
		programs = dir
		for _, name := range []string{"hull-vmm", "hull-fsd", "hull-netd"} {
			cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../cmd/"+name)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
				return 1
			}
		}
	}
	program = filepath.Join(programs, "hull-vmm")
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
