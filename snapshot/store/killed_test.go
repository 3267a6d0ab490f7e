package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// childVariable makes this binary a process that takes and removes snapshots, says
// each when that has returned, and waits to be killed.
const childVariable = "HULL_TEST_SNAPSHOTS"

func TestMain(m *testing.M) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := child(dir); err != nil {
		fmt.Println(err)
	}
	os.Exit(1)
}

func child(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("open")
	for i := 0; ; i++ {
		name := fmt.Sprintf("s%d-%d", os.Getpid(), i)
		if err := take(s, name, nil); err != nil {
			return err
		}
		fmt.Println("+", name)
		if i%2 == 1 {
			if err := s.Remove(name); err != nil {
				return err
			}
			fmt.Println("-", name)
		}
	}
}

// Whenever the process is killed, each snapshot is there whole or is not there: those
// that it said it took are, those that it said it removed are not, and one may be
// either.
func TestAKilledProcessLeavesWholeSnapshots(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	leftovers := 0
	deadline := time.Now().Add(4 * time.Second)
	for rounds := 0; rounds < 5 || leftovers == 0 || time.Now().Before(deadline); rounds++ {
		if leftovers == 0 && rounds >= 500 {
			t.Fatal("it was never killed in the middle")
		}
		said := killedAfter(t, self, dir, time.Duration(r.Int64N(int64(100*time.Millisecond))))
		before, err := (&Store{dir: dir}).leftovers()
		if err != nil {
			t.Fatal(err)
		}
		leftovers += len(before)
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		names, err := s.Names()
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, s, names...) // no leftovers
		there := make(map[string]bool)
		for _, name := range names {
			if err := s.Verify(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
			there[name] = true
		}
		for i, line := range said {
			name := line[2:]
			last := i == len(said)-1 // what came after it was not said
			switch {
			case line[0] == '+' && !there[name] && !last && said[i+1] != "- "+name:
				t.Errorf("%s was taken, and is not there", name)
			case line[0] == '-' && there[name]:
				t.Errorf("%s was removed, and is there", name)
			}
			if err := s.Remove(name); err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			delete(there, name)
		}
		if len(there) > 1 {
			t.Errorf("%d are there of which nothing was said", len(there))
		}
		for name := range there {
			if err := s.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// killedAfter kills the process some time after it has begun, and returns what it
// said.
func killedAfter(t *testing.T, self, dir string, after time.Duration) (said []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the process says %q", lines.Text())
	}
	kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "+ s") && !strings.HasPrefix(line, "- s") {
			t.Fatalf("the process says %q", line)
		}
		said = append(said, line)
	}
	_ = cmd.Wait() // it was killed
	return said
}
