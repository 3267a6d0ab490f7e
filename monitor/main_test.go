package monitor_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/internal/calltrace"
	"github.com/hullvm/hull/internal/hosttest"
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
	signaltest.Default()
	if programs = os.Getenv("HULL_PROGRAMS"); programs != "" {
		os.Exit(run(m, programs))
	}
	os.Exit(hosttest.WithPrograms(func(dir string) int { return run(m, dir) }, "../cmd/hull-vmm", "../cmd/hull-fsd", "../cmd/hull-netd"))
}

func run(m *testing.M, dir string) int {
	programs, program = dir, filepath.Join(dir, "hull-vmm")
	return m.Run()
}
