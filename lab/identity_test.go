package lab

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 2 3 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 4711 1000 100 18446744073709551615"
	tests := map[string]struct {
		stat  string
		start uint64
		state byte
		ok    bool
	}{
		"plain":                 {"77 (sleep) S" + rest, 4711, 'S', true},
		"name with parentheses": {"77 (a) R 1 (b) Z" + rest, 4711, 'Z', true},
		"empty":                 {"", 0, 0, false},
		"no name":               {"77 sleep S" + rest, 0, 0, false},
		"cut off":               {"77 (sleep) S 1 2", 0, 0, false},
		"no number":             {"77 (sleep) S 1 2 3 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 x 1000", 0, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			start, state, err := parseStat([]byte(test.stat))
			if (err == nil) != test.ok {
				t.Fatalf("error %v, want ok %v", err, test.ok)
			}
			if test.ok && (start != test.start || state != test.state) {
				t.Errorf("got %d %c, want %d %c", start, state, test.start, test.state)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	if own, err := os.ReadFile("/proc/self/stat"); err == nil {
		f.Add(own)
	}
	f.Add([]byte("1 (x) S"))
	f.Fuzz(func(_ *testing.T, stat []byte) { _, _, _ = parseStat(stat) })
}

// sleeper starts a process that ends with the test.
func sleeper(t *testing.T, args ...string) identity {
	t.Helper()
	if args == nil {
		args = []string{"sleep", "1000"}
	}
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Skipf("no %s here: %v", args[0], err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait() // killed
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // or gone already
		<-gone
	})
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestKillLeavesAProcessThatHasTheNumberNow(t *testing.T) {
	id := sleeper(t)
	other := id
	other.Start--
	if other.alive() {
		t.Error("a process that started at another time is taken for ours")
	}
	if err := other.kill(unix.SIGKILL); !errors.Is(err, unix.ESRCH) {
		t.Errorf("kill of a process that is not ours: %v, want ESRCH", err)
	}
	if err := other.end(time.Minute); err != nil {
		t.Errorf("end of a process that is gone: %v", err)
	}
	if !id.alive() {
		t.Error("a process that is not ours was killed")
	}
}

func TestKillNeverReachesProcessOneOrGroups(t *testing.T) {
	for _, pid := range []int{1, 0, -1, -1000} {
		if err := (identity{PID: pid}).kill(0); !errors.Is(err, unix.ESRCH) {
			t.Errorf("kill(%d): %v, want ESRCH", pid, err)
		}
		if _, err := identify(pid); err == nil {
			t.Errorf("identify(%d): no error", pid)
		}
	}
}

func TestEndInsists(t *testing.T) {
	for name, args := range map[string][]string{
		"polite":   nil,
		"stubborn": {"sh", "-c", `trap "" TERM; while :; do sleep 0.01; done`},
	} {
		t.Run(name, func(t *testing.T) {
			id := sleeper(t, args...)
			if err := id.end(100 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if id.alive() {
				t.Error("still alive")
			}
		})
	}
}
