package ring0

import (
	"bufio"
	"strings"
	"testing"
	"time"
)

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		loop time.Duration
		able bool
		want string
	}{
		{65 * time.Microsecond, true, "runs kernel code: 6.5 ns"},
		{999 * time.Microsecond, true, "runs kernel code"},
		{12 * time.Millisecond, false, "emulates kernel code: 1200 ns"},
	} {
		r := result(test.loop, manyRounds)
		if r.Able() != test.able || !strings.Contains(r.String(), test.want) {
			t.Errorf("%v for %d rounds: able %v, %q", test.loop, manyRounds, r.Able(), r)
		}
	}
}

func TestProcessorFlag(t *testing.T) {
	for text, want := range map[string]string{
		"processor\t: 0\nflags\t\t: fpu svm nx\n\nprocessor: 1\nflags: vmx\n": "svm",
		"flags : fpu vmx":                "vmx",
		"flags : fpu nx\nflags : vmx":    "",
		"bugs: svm\n":                    "",
		"":                               "",
		"vmx flags\nflags: svm_lock svm": "svm",
	} {
		if got := processorFlag(bufio.NewScanner(strings.NewReader(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
