package measure

import (
	"os"
	"strings"
	"testing"
	"time"
)

const statLine = "1234 (a ) b) S 1 1234 1234 0 -1 4194560 701 2 33 4 150 25 0 0 20 0 8 0 99 1428881408 2000 18446744073709551615 1 1 0\n"

func TestStatIsRead(t *testing.T) {
	got, err := parseStat(statLine)
	want := Stat{User: 1500 * time.Millisecond, System: 250 * time.Millisecond, MinorFaults: 701, MajorFaults: 33, Threads: 8}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestBadStatIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":       "",
		"no name":       "1 S 1 1",
		"too short":     "1 (x) S 1 2 3",
		"a word":        strings.Replace(statLine, " 701 ", " many ", 1),
		"a minus":       strings.Replace(statLine, " 150 ", " -150 ", 1),
		"a number of a": strings.Replace(statLine, " 25 ", " 99999999999999999999 ", 1),
	} {
		if s, err := parseStat(text); err == nil {
			t.Errorf("%s: became %+v", name, s)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add(statLine)
	f.Add("1 () S")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStat(text)
		if err == nil && (s.User < 0 || s.System < 0 || s.Threads < 0) {
			t.Errorf("%q became %+v", text, s)
		}
	})
}

// Work makes both accounts grow, and by no more than the time that has passed on all
// threads there may be.
func TestCPUTimeGrowsWithWork(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i := range 50_000_000 {
		sum += i ^ sum
	}
	after, err := CPUTime(os.Getpid())
	if err != nil || after <= before {
		t.Errorf("from %v to %v, %v (%d)", before, after, err, sum)
	}
	s, err := StatOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if later, err := CPUTime(os.Getpid()); err != nil || s.User+s.System > later+2*clockTick {
		t.Errorf("stat has %v, the clock %v, %v", s.User+s.System, later, err)
	}
	if s.Threads < 1 || s.MinorFaults == 0 {
		t.Errorf("this process has %+v", s)
	}
	if _, err := CPUTime(1 << 22); err == nil { // no process has a number as large
		t.Error("a process that does not exist has a clock")
	}
}
