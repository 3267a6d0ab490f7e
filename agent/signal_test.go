package agent

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestSignalsHaveNamesAndNumbers(t *testing.T) {
	for s, want := range map[string]unix.Signal{
		"TERM": 15, "sigterm": 15, "SIGKILL": 9, "15": 15, "64": 64, "RTMIN": 34, "SIGRTMIN+3": 37, "RTMAX-1": 63, "rtmax": 64, "RTMIN+30": 64,
		"": 0, "0": 0, "65": 0, "-1": 0, "SIG": 0, "NOPE": 0, "RTMIN+31": 0, "RTMAX+1": 0, "RTMIN-1": 0, "RTMIN3": 0, "SIGSIGTERM": 0,
		"RTMIN+": 0, "RTMIN+9223372036854775807": 0, "RTMAX-31": 0, "1e1": 0,
	} {
		got, err := ParseSignal(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q is %d, %v; want %d", s, got, err, want)
		}
	}
}

// FuzzParseSignal wants of every text a signal that there is, or an error.
func FuzzParseSignal(f *testing.F) {
	for _, s := range []string{"TERM", "9", "RTMIN+3", "rtmax-\x00", "SIG"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sig, err := ParseSignal(s)
		if err == nil && (sig < 1 || sig > 64) || err != nil && sig != 0 {
			t.Errorf("%q is %d, %v", s, sig, err)
		}
	})
}
