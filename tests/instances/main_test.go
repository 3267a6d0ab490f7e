package instances

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/manager/launch"
	"github.com/hullvm/hull/monitor/monitortest"
)

// programs is the folder that has this test's binary under the names of Hull's
// programs.
var programs string

// TestMain is those programs too.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "hull-supervisor":
		os.Exit(launch.Main(os.Args[1:]))
	case "hull-vmm":
		os.Exit(monitortest.Main())
	case "hull":
		os.Exit(command(os.Args[1:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if *real != "" {
		if err := os.Setenv(kvmVariable, "/dev/kvm"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	// What the test itself was started with is none of its children's.
	if err := unix.CloseRange(3, 1<<20, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := install()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	return m.Run()
}

// install copies the binary to where a monitor's user may run it.
func install() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "hull-programs")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return dir, err
	}
	first := filepath.Join(dir, "hull")
	if err := os.WriteFile(first, text, 0o755); err != nil {
		return dir, err
	}
	for _, name := range []string{"hull-supervisor", "hull-vmm"} {
		if *real == "" {
			err = os.Link(first, filepath.Join(dir, name))
		} else if text, err = os.ReadFile(filepath.Join(*real, name)); err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o755)
		}
		if err != nil {
			return dir, err
		}
	}
	return dir, nil
}
