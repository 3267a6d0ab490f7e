package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/manager/instance"
)

const exitCodesManual = "../../docs/exit-codes.md"

func TestManualHasTheExitCodes(t *testing.T) {
	text, err := os.ReadFile(exitCodesManual)
	if err != nil {
		t.Fatal(err)
	}
	// A row of the table: | 120 | reset | ...
	written := make(map[string]int)
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+)(?: \+ N)? \| ([a-z ]+) \|`).FindAllStringSubmatch(string(text), -1) {
		code, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := written[row[2]]; twice {
			t.Errorf("%s: two rows are called %q", exitCodesManual, row[2])
		}
		written[row[2]] = code
	}
	constants := map[string]int{
		"reset":          exitReset,
		"guest panic":    exitGuestPanic,
		"triple fault":   exitTripleFault,
		"kill":           exitKilled,
		"internal error": exitInternalError,
		"refused":        exitFailure,
		"signal":         exitSignalBase,
	}
	for name, code := range constants {
		if got, found := written[name]; !found || got != code {
			t.Errorf("%s: %q is %d there (in the table: %v), %d in the program", exitCodesManual, name, got, found, code)
		}
		delete(written, name)
	}
	for name, code := range written {
		t.Errorf("%s: %d, %q, is no status of hull boot's own", exitCodesManual, code, name)
	}
}

func TestExitCodesDiffer(t *testing.T) {
	seen := make(map[int]bool)
	for _, code := range []int{exitReset, exitGuestPanic, exitTripleFault, exitKilled, exitInternalError, exitFailure} {
		if seen[code] || code <= 78 || code >= 126 {
			t.Errorf("status %d is taken: by another of hull's, by sysexits.h (64 to 78), or by shells (126 and up)", code)
		}
		seen[code] = true
	}
}

func TestManualHasTheKindsOfFailures(t *testing.T) {
	text, err := os.ReadFile(exitCodesManual)
	if err != nil {
		t.Fatal(err)
	}
	// A row of the table: | `not-found` | what it means | 125 | 1 |
	written := make(map[instance.Kind]kindCode)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [^|]+ \\| (\\d+) \\| (\\d+) \\|$").FindAllStringSubmatch(string(text), -1) {
		run, err := strconv.Atoi(row[2])
		if err != nil {
			t.Fatal(err)
		}
		other, err := strconv.Atoi(row[3])
		if err != nil {
			t.Fatal(err)
		}
		written[instance.Kind(row[1])] = kindCode{run, other}
	}
	if diff := cmp.Diff(kindCodes, written, cmp.AllowUnexported(kindCode{})); diff != "" {
		t.Errorf("%s (-program +manual):\n%s", exitCodesManual, diff)
	}
}

func TestFailuresHaveTheStatusOfTheirKind(t *testing.T) {
	for kind, want := range kindCodes {
		err := fmt.Errorf("around it: %w", &instance.Error{Kind: kind, Err: errors.New("cause")})
		var run, other *exitError
		if !errors.As(runFailure(err), &run) || !errors.As(refusal(err), &other) {
			t.Fatalf("%s: no status", kind)
		}
		if got := (kindCode{run.code, other.code}); got != want || instance.KindOf(run.err) != kind {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
	var later *exitError
	if err := refusal(&instance.Error{Kind: "of-tomorrow", Err: errors.New("cause")}); !errors.As(err, &later) || later.code != exitRefused {
		t.Errorf("a kind that there is not: %v", err)
	}
	if runFailure(nil) != nil || refusal(nil) != nil {
		t.Error("nothing is a failure")
	}
	kept := &exitError{code: 7}
	if refusal(kept) != error(kept) {
		t.Error("a status is changed")
	}
}
