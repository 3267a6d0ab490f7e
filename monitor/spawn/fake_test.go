package spawn

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/startup"
)

// TestMain is the fake programs too, which are this one under other names.
func TestMain(m *testing.M) {
	if fake := fakes[filepath.Base(os.Args[0])]; fake != nil {
		os.Exit(fake())
	}
	// What the test itself was started with is none of its children's.
	if err := unix.CloseRange(3, 1<<20, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// fakes are programs in hull-vmm's place, by their names.
var fakes = map[string]func() int{
	// obedient reads its configuration and ends with its lifeline.
	"obedient": func() int {
		c, err := startup.Read(os.NewFile(startup.ConfigFD, "configuration"))
		if err != nil {
			return complain(err.Error())
		}
		_, _ = io.Copy(io.Discard, os.NewFile(startup.LifelineFD, "lifeline"))
		exit := os.NewFile(startup.ExitFD, "exit")
		if err := startup.WriteEnding(exit, startup.Ending{Exit: &control.Exit{Reason: "kill", Error: c.Cmdline}}); err != nil {
			return complain(err.Error())
		}
		return 0
	},
	// early ends before it has read anything, and says why.
	"early": func() int { return complain("no wish to") },
	// mute ends without a word.
	"mute": func() int { return 3 },
	// deaf does not read.
	"deaf": func() int {
		time.Sleep(time.Hour)
		return 0
	},
	// chatty says what is no ending.
	"chatty": func() int {
		_, _ = io.Copy(io.Discard, os.NewFile(startup.ConfigFD, "configuration"))
		_, _ = os.NewFile(startup.ExitFD, "exit").WriteString("hello\n")
		return 0
	},
	// stubborn does not heed its lifeline.
	"stubborn": func() int {
		signal.Ignore(unix.SIGTERM)
		_, _ = io.Copy(io.Discard, os.NewFile(startup.ConfigFD, "configuration"))
		time.Sleep(time.Hour)
		return 0
	},
}

func complain(text string) int {
	_ = startup.WriteEnding(os.NewFile(startup.ExitFD, "exit"), startup.Ending{Failed: text})
	fmt.Fprintln(os.Stderr, text)
	return 125
}

// fake is the path of a fake program.
func fake(t *testing.T, name string) string {
	t.Helper()
	if fakes[name] == nil {
		t.Fatalf("there is no program %q", name)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "spawn") // a folder that any user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	in, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, in, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
