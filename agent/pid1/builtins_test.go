package pid1

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/reap"
)

func TestASignalReachesTheMainProcess(t *testing.T) {
	s := &system{}
	call := func(want int, text string, args ...string) {
		t.Helper()
		var errs bytes.Buffer
		got := s.builtins()["signal"](t.Context(), agent.BuiltinCall{Args: append([]string{"signal"}, args...), Stderr: &errs})
		if got != want || errs.String() != text {
			t.Errorf("%q: status %d, %q; want %d, %q", args, got, errs.String(), want, text)
		}
	}
	call(2, "signal: 0 arguments, wanted 1\n")
	call(2, "signal: \"NOPE\" is no signal\n", "NOPE")
	call(1, "signal: there is no main process yet\n", "TERM")
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	child, err := reap.New().Start(sleep, []string{"sleep", "1000"}, &syscall.ProcAttr{}, reap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.child.Store(child)
	call(0, "", "SIGUSR1")
	if ws, _, err := child.Wait(); err != nil || ws.Signal() != unix.SIGUSR1 {
		t.Errorf("it ended with %v, %v", ws, err)
	}
	call(1, "signal: the main process has ended\n", "9")
}

func TestTheDocumentListsTheBuiltins(t *testing.T) {
	text, err := os.ReadFile("../../docs/agent-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## 6. Built-ins\n")
	if !ok {
		t.Fatal("there is no section 6")
	}
	var listed []string
	for line := range strings.Lines(section) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if strings.HasPrefix(line, "| `") {
			for _, m := range regexp.MustCompile("`([a-z]+)").FindAllStringSubmatch(first, -1) {
				listed = append(listed, m[1])
			}
		}
	}
	slices.Sort(listed)
	if have := slices.Sorted(maps.Keys((&system{}).builtins())); !slices.Equal(have, listed) {
		t.Errorf("the document lists %q, and there are %q", listed, have)
	}
}
