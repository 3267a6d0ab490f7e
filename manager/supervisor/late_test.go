package supervisor

import (
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// TestAPauseThatComesLateCanBeUndone has a monitor pause after the time for that: the
// state says that the guest runs, and it can be let go all the same.
func TestAPauseThatComesLateCanBeUndone(t *testing.T) {
	before := monitorTime
	monitorTime = 50 * time.Millisecond
	defer func() { monitorTime = before }()
	w, m := mustBegin(t, nil)
	m.slow = true
	if _, err := w.do(Request{Op: OpPause}); err == nil || !strings.Contains(err.Error(), "may still come to it") {
		t.Errorf("a pause without an answer: %v", err)
	}
	if st := w.mustDo(Request{Op: OpUnpause}); st.Status != instance.Running {
		t.Errorf("%+v", st)
	}
	if got := len(m.did); got != 2 {
		t.Errorf("it did %d things, want run and resume", got)
	}
	if _, err := w.do(Request{Op: OpUnpause}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("unpaused twice: %v", err)
	}
	w.mustDo(Request{Op: OpKill})
	w.over()
}
