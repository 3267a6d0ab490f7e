package environ

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const childVariable = "ENVIRON_TEST_CHILD"

// kept is on the heap.
var kept *[64]byte

// A runtime that does not know the setting says nothing, so it is asked what became of
// the heap's mapping: "nh" is among its flags (proc_pid_smaps(5)).
func TestTheHeapTakesNoLargePages(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		kept = new([64]byte)
		fmt.Println("FLAGS", flagsAt(t, uint64(addressOf(kept))))
		return
	}
	for _, c := range []struct {
		env  []string
		want bool
	}{{Lean(), true}, {nil, false}} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTheHeapTakesNoLargePages$", "-test.v")
		cmd.Env = append([]string{childVariable + "=1"}, c.env...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		_, flags, found := strings.Cut(string(out), "FLAGS")
		flags, _, _ = strings.Cut(flags, "\n")
		if !found || !strings.Contains(flags, " rd ") {
			t.Fatalf("no flags in %s", out)
		}
		if got := strings.Contains(flags+" ", " nh "); got != c.want {
			t.Errorf("with %q the heap's flags are %q", c.env, flags)
		}
	}
}

// flagsAt are those of this process's mapping at an address.
func flagsAt(t *testing.T, address uint64) string {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		var start, end uint64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &start, &end); n == 2 {
			inside = start <= address && address < end
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.TrimSuffix(flags, "\n")
		}
	}
	return ""
}
