package jailtest

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
)

// Outcome is what becomes of an attempt.
type Outcome string

// The outcomes there are.
const (
	Allowed Outcome = "allowed"
	Refused Outcome = "refused"
	Killed  Outcome = "killed" // by the filter of system calls
)

// Mode is a way to start an inmate, and what has to hold it then.
type Mode struct {
	Name string
	Attr syscall.SysProcAttr
	Args []string // before the flag -old and the attempt's name
	Has  []string
}

// Run has an inmate make each attempt in each mode, from a thread that was there
// before the jail (-old) and from one that was not.
func Run(t *testing.T, inmate string, modes []Mode, attempts map[string]Outcome) {
	for _, m := range modes {
		t.Run(m.Name, func(t *testing.T) {
			for name, want := range attempts {
				for _, old := range []bool{false, true} {
					got, held := m.try(t, inmate, old, name)
					if got != want {
						t.Errorf("%s (an old thread: %v): %s, want %s", name, old, got, want)
					}
					for _, w := range m.Has {
						if !strings.Contains(held, w) {
							t.Fatalf("held by %q, want %q as well", held, w)
						}
					}
				}
			}
		})
	}
}

// try returns what becomes of an attempt, and what holds the inmate.
func (m *Mode) try(t *testing.T, inmate string, old bool, name string) (got Outcome, held string) {
	t.Helper()
	cmd := exec.Command(inmate, append(append([]string(nil), m.Args...), fmt.Sprintf("-old=%v", old), name)...)
	attr := m.Attr
	cmd.SysProcAttr, cmd.Dir, cmd.Env = &attr, "/", []string{}
	out, err := cmd.Output()
	if errors.Is(err, unix.EPERM) {
		hosttest.Missing(t, "namespaces: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	held, _, _ = strings.Cut(lines[0], "; without")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == unix.SIGSYS && len(lines) == 1 {
		return Killed, held
	}
	if err != nil || len(lines) != 2 {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	outcome, _, _ := strings.Cut(lines[1], ":")
	return Outcome(outcome), held
}
