package pid1

import (
	"errors"
	"os"
	"testing"
)

// A port that this thread has no right to faults, and the process lives.
func TestAFaultingPortIsAnError(t *testing.T) {
	calls := 0
	err := onPorts(portExit, 0, func() {
		calls++
		outb(portMarks, 0) // not the port that was asked for
	})
	if os.Geteuid() != 0 && !errors.Is(err, errPortFault) {
		if calls != 0 {
			t.Errorf("called %d times without the right to any port", calls)
		}
		return
	}
	if err == nil || errors.Is(err, errPortFault) && calls != portTries {
		t.Errorf("%v after %d calls", err, calls)
	}
}
