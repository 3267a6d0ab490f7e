package builtins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/agent"
)

func TestProcessesAreThoseOfTheMachine(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	c := dial(t, nil)
	list, err := c.Processes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := func(pid int) agent.ProcessInfo {
		i := slices.IndexFunc(list, func(p agent.ProcessInfo) bool { return p.PID == pid })
		if i < 0 {
			t.Fatalf("process %d is not in a list of %d", pid, len(list))
		}
		return list[i]
	}
	child, self := at(cmd.Process.Pid), at(os.Getpid())
	// It may be seen before it has become sleep.
	if child.PPID != os.Getpid() || child.UID != uint32(os.Geteuid()) || time.Since(child.Start).Abs() > time.Minute || child.Command == "" {
		t.Errorf("the child is %+v", child)
	}
	if !strings.HasPrefix(self.Command, os.Args[0]+" -test.") || self.RSS < 1<<20 || self.State == "" || self.CPUTime < 0 {
		t.Errorf("this process is %+v", self)
	}
}

func TestProcessesAreReadFromProc(t *testing.T) {
	proc := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		p := filepath.Join(proc, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	stat := func(pid int, name string) string {
		return fmt.Sprintf("%d (%s) S 7 1 1 34817 -1 4194560 0 0 0 0 150 50 0 0 20 0 1 0 1000 4096 3 18446744073709551615 0\n", pid, name)
	}
	put("uptime", "100.50 1\n")
	put("12/stat", stat(12, "a) R (b"))
	put("12/status", "Name:\tx\nUid:\t1\t1000\t2\t3\n")
	put("12/cmdline", "/bin/a\x00-b\xff\x00c d\x00")
	put("3/stat", stat(3, "kworker/0:1"))
	put("3/status", "")
	put("3/cmdline", "")
	put("4/stat", "4 (x) S")
	put("5/other", "")
	put("self/stat", stat(9, "self"))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	got, left, err := readProcesses(proc, now)
	if err != nil || left != 0 {
		t.Fatalf("%d left, %v", left, err)
	}
	p := agent.ProcessInfo{
		PID: 3, PPID: 7, State: "S", CPUTime: 2 * time.Second, Start: now.Add(-90500 * time.Millisecond),
		RSS: 3 * uint64(os.Getpagesize()), TTY: "pts/1", Command: "[kworker/0:1]",
	}
	q := p
	q.PID, q.UID, q.Command = 12, 1000, "/bin/a -b? c d"
	if diff := cmp.Diff([]agent.ProcessInfo{p, q}, got); diff != "" {
		t.Error(diff)
	}
	for i := range maxProcesses {
		if err := os.Mkdir(filepath.Join(proc, fmt.Sprint(10000+i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got, left, err = readProcesses(proc, now); err != nil || left != 4 || len(got) != 2 {
		t.Errorf("of many: %d, %d left, %v", len(got), left, err)
	}
	put("12/cmdline", strings.Repeat("x", 5000))
	if got, _, _ := readProcesses(proc, now); len(got) != 2 || len(got[1].Command) != maxCommand {
		t.Errorf("of a long command: %+v", got)
	}
}

func TestTerminalsHaveNames(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "", 4 << 8: "tty0", 4<<8 | 63: "tty63", 4<<8 | 64: "ttyS0", 5<<8 | 1: "console", 229<<8 | 2: "hvc2",
		136<<8 | 5: "pts/5", 136<<8 | 1<<20 | 5: "pts/261", 204<<8 | 9: "204:9",
	} {
		if got := ttyName(n); got != want {
			t.Errorf("%#x is %q, want %q", n, got, want)
		}
	}
}

func TestAnAnswerIsBelievedAsFarAsItMayBe(t *testing.T) {
	say := func(text string, times int) agent.Builtin {
		return func(_ context.Context, b agent.BuiltinCall) int {
			for range times {
				if _, err := io.WriteString(b.Stdout, text); err != nil {
					return 1
				}
			}
			return 0
		}
	}
	fail := func(_ context.Context, b agent.BuiltinCall) int {
		fmt.Fprint(b.Stderr, "signal: ", b.Args[1], "\xff", strings.Repeat("x", 1<<20), "\n")
		return 7
	}
	for name, b := range map[string]struct {
		builtin agent.Builtin
		want    string
	}{
		"no JSON":    {say("[{]", 1), "invalid character"},
		"no list":    {say(`{"pid":1}`, 1), "cannot unmarshal"},
		"endless":    {say(strings.Repeat(" ", 1<<20), 17), "its answer is too long"},
		"an empty 1": {say("", 1), "unexpected end"},
	} {
		c := dial(t, map[string]agent.Builtin{"processes": b.builtin, "signal": fail})
		if _, err := c.Processes(t.Context()); err == nil || !strings.HasPrefix(err.Error(), `built-in "processes": `) || !strings.Contains(err.Error(), b.want) {
			t.Errorf("%s: %v", name, err)
		}
		var failed *agent.BuiltinError
		err := c.SignalMain(t.Context(), 15)
		if !errors.As(err, &failed) || failed.Status != 7 || len(err.Error()) > 5000 || !strings.HasPrefix(err.Error(), `built-in "signal": 15?xxx`) {
			t.Errorf("a failure is %.60v", err)
		}
	}
	c := dial(t, nil)
	if s, err := c.Stats(t.Context()); err != nil || s.Processes < 1 {
		t.Errorf("statistics %+v, %v", s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Call(ctx, nil, nil, "sync"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that is given up: %v", err)
	}
}

// FuzzProcess wants of whatever a kernel writes a process that can be written as
// JSON and read back.
func FuzzProcess(f *testing.F) {
	f.Add("1 (init) S 0 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 4 4096 3\n", "Uid:\t0\t0\t0\t0\n")
	f.Add("1 (a) b) (c) Z 0 1 1 34816 -1 0 0 0 0 0 18446744073709551615 6 0 0 20 0 1 0 18446744073709551615 4096 3\n", "Uid: 99999999999")
	f.Add("1 (", "Uid:")
	f.Fuzz(func(t *testing.T, stat, status string) {
		p, ok := parseProcessStat(stat, time.Unix(1e9, 0).UTC())
		if !ok {
			return
		}
		p.UID = parseUID(status)
		b, err := json.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		var again agent.ProcessInfo
		if err := json.Unmarshal(b, &again); err != nil || !cmp.Equal(p, again) {
			t.Errorf("%s: %v", b, err)
		}
	})
}
