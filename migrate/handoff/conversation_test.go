package handoff

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func (a SourceAction) String() string {
	switch a.Do {
	case WriteRecord:
		return fmt.Sprintf("write %v", a.Record.Fate)
	case Report:
		return fmt.Sprintf("(%v)", a.Notice)
	}
	return a.Do.String()
}

func (a TargetAction) String() string {
	switch a.Do {
	case WriteRecord:
		return fmt.Sprintf("write %v", a.Record.Fate)
	case SendAnswer:
		return fmt.Sprintf("answer %v", a.Answer)
	case Report:
		return fmt.Sprintf("(%v)", a.Notice)
	}
	return a.Do.String()
}

func list[A fmt.Stringer](actions []A) string {
	said := make([]string, len(actions))
	for i, a := range actions {
		said[i] = a.String()
	}
	return strings.Join(said, ", ")
}

// line is an event, and what is done about it.
type line struct {
	event Event
	do    string
}

func TestASourceInWords(t *testing.T) {
	handedOver := []line{
		{SwitchOver, "hold guest"},
		{StateSent, ""},
		{GotPrepared, "write handed-over"},
		{WriteDone, "(handed over), send commit"},
	}
	for _, c := range []struct {
		name  string
		lines []line
		state SourceState
		owner Owner
	}{
		{"all goes well", append(handedOver[:4:4],
			line{GotRunning, "end machine, write moved, (moved)"}, line{WriteDone, ""}), SourceMoved, There},
		{"the link is cut before prepared", []line{
			{SwitchOver, "hold guest"},
			{StateSent, ""},
			{LinkLost, "let guest go, (kept)"},
			{GotPrepared, ""},
		}, SourceKept, Here},
		{"a cancel comes before the record", []line{
			{SwitchOver, "hold guest"}, {Cancelled, "let guest go, send cancel, cancel won, (kept)"},
		}, SourceKept, Here},
		{"a cancel comes as the record is written, which fails", []line{
			{SwitchOver, "hold guest"},
			{StateSent, ""},
			{GotPrepared, "write handed-over"},
			{Cancelled, ""},
			{WriteFailed, "let guest go, send cancel, cancel won, (kept)"},
		}, SourceKept, Here},
		{"a cancel comes as the record is written", []line{
			{SwitchOver, "hold guest"},
			{StateSent, ""},
			{GotPrepared, "write handed-over"},
			{Cancelled, ""},
			{WriteDone, "(handed over), cancel late, send commit"},
			{Cancelled, "cancel late"},
		}, SourceHandedOver, Undecided},
		{"nobody knows whether the record is written", []line{
			{SwitchOver, "hold guest"},
			{StateSent, ""},
			{GotPrepared, "write handed-over"},
			{WriteUnclear, "send cancel, write taken-back"},
			{WriteUnclear, "(unwritten)"},
			{ResolveSource, "(not handed over)"},
			{Retry, "write taken-back"},
			{WriteDone, "let guest go, (kept)"},
		}, SourceKept, Here},
		{"nor does it need to be, as the target is rid of it", []line{
			{SwitchOver, "hold guest"},
			{StateSent, ""},
			{GotPrepared, "write handed-over"},
			{WriteUnclear, "send cancel, write taken-back"},
			{WriteFailed, "(unwritten)"},
			{GotFailed, "let guest go, (kept), write taken-back"},
		}, SourceKept, Here},
		{"commit is lost", append(handedOver[:4:4],
			line{LinkLost, "(silent), reconnect"}, line{LinkLost, "(silent), reconnect"}, line{Reconnected, "send ask"},
			line{GotAnswerPrepared, "send commit"}, line{GotRunning, "end machine, write moved, (moved)"}), SourceMoved, There},
		{"the target could not start it", append(handedOver[:4:4],
			line{GotFailed, "let guest go, write taken-back, (taken back)"}, line{WriteFailed, "(unwritten)"},
			line{Retry, "write taken-back"}, line{WriteDone, ""}), SourceTakenBack, Here},
		{"the target knows nothing, and is gone", append(handedOver[:4:4],
			line{ResolveSource, "(asking)"}, line{LinkLost, "(silent), reconnect"}, line{Reconnected, "send ask"},
			line{GotAnswerUnknown, "(unknown), reconnect"}, line{ResolveSource, "write taken-back"},
			line{WriteDone, "let guest go, (taken back)"}), SourceTakenBack, Here},
		{"what a person says cannot be written", append(handedOver[:4:4],
			line{LinkLost, "(silent), reconnect"}, line{ResolveTarget, "write moved"},
			line{WriteFailed, "(unresolved), reconnect"}), SourceHandedOver, Undecided},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSource(Session{1})
			for _, l := range c.lines {
				if did := list(s.Step(l.event)); did != l.do {
					t.Fatalf("%v: %q, want %q", l.event, did, l.do)
				}
			}
			if s.State() != c.state || s.Owner() != c.owner {
				t.Errorf("it ends %v, with the owner %v; want %v, %v", s.State(), s.Owner(), c.state, c.owner)
			}
		})
	}
}

func TestATargetInWords(t *testing.T) {
	accepted := []line{{Loaded, "write prepared"}, {WriteDone, "send prepared"}, {GotCommit, "write running"}}
	for _, c := range []struct {
		name  string
		lines []line
		state TargetState
		owner Owner
	}{
		{"all goes well", append(accepted[:3:3],
			line{WriteDone, "run guest"}, line{Started, "send running, (running)"},
			line{GotCommit, "send running"}, line{GotAsk, "answer running"}), TargetRunning, Here},
		{"the state does not fit", []line{{LoadFailed, "send failed, remove machine, (aborted)"}}, TargetAborted, There},
		{"commit comes before its time", []line{{GotCommit, "send failed, remove machine, (aborted)"}}, TargetAborted, There},
		{"the link is cut as it prepares", []line{
			{Loaded, "write prepared"},
			{LinkLost, ""},
			{WriteDone, "write aborted"},
			{WriteDone, "remove machine, (aborted)"},
		}, TargetAborted, There},
		{"commit does not come", []line{
			{Loaded, "write prepared"},
			{WriteDone, "send prepared"},
			{LinkLost, ""},
			{GotAsk, "answer prepared"},
			{LinkLost, ""},
			{Timeout, "write aborted"},
			{WriteUnclear, "(unwritten), remove machine, (aborted)"},
			{GotAsk, "answer aborted"},
			{GotCommit, "send failed"},
			{Retry, "write aborted"},
			{WriteDone, ""},
		}, TargetAborted, There},
		{"running cannot be written", append(accepted[:3:3],
			line{WriteFailed, "write aborted"}, line{WriteFailed, "(unwritten), send failed, remove machine, (aborted)"}), TargetAborted, There},
		{"running may be written", append(accepted[:3:3],
			line{WriteUnclear, "write aborted"}, line{WriteFailed, "(unwritten)"}, line{GotAsk, ""}, line{GotCommit, ""},
			line{Retry, "write aborted"}, line{WriteDone, "send failed, remove machine, (aborted)"}), TargetAborted, There},
		{"the monitor refuses to start it", append(accepted[:3:3],
			line{WriteDone, "run guest"}, line{StartRefused, "write aborted"}, line{GotAsk, ""},
			line{WriteDone, "send failed, remove machine, (aborted)"}), TargetAborted, There},
		{"the monitor dies as it starts it", append(accepted[:3:3],
			line{WriteDone, "run guest"}, line{StartFailed, "send running, (start failed)"},
			line{GotAsk, "answer running"}), TargetBroken, Here},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewTarget(Session{1})
			for _, l := range c.lines {
				if did := list(s.Step(l.event)); did != l.do {
					t.Fatalf("%v: %q, want %q", l.event, did, l.do)
				}
			}
			if s.State() != c.state || s.Owner() != c.owner {
				t.Errorf("it ends %v, with the owner %v; want %v, %v", s.State(), s.Owner(), c.state, c.owner)
			}
		})
	}
}

func TestListsAreClosed(t *testing.T) {
	var all []string
	for _, l := range [][]string{sourceStates, targetStates, events, dos, notices, answers, owners, sourceFates, targetFates} {
		all = append(all, l...)
		sorted := slices.Sorted(slices.Values(l))
		if len(slices.Compact(sorted)) != len(l) {
			t.Errorf("two of %q have one name", l)
		}
	}
	for _, c := range []struct{ last, beyond fmt.Stringer }{
		{SourceKept, SourceKept + 1},
		{TargetAborted, TargetAborted + 1},
		{StartFailed, StartFailed + 1},
		{SendAnswer, SendAnswer + 1},
		{NoticeAborted, NoticeAborted + 1},
		{AnswerUnknown, AnswerUnknown + 1},
		{Undecided, Undecided + 1},
		{Moved, Moved + 1},
		{Aborted, Aborted + 1},
		{SourceCopying, SourceState(0)},
	} {
		if !slices.Contains(all, c.last.String()) {
			t.Errorf("%v has no name", c.last)
		}
		if slices.Contains(all, c.beyond.String()) {
			t.Errorf("the name %v is that of nothing", c.beyond)
		}
	}
}

func TestAnswersAreEvents(t *testing.T) {
	want := map[string]Event{
		"prepared": GotAnswerPrepared, "running": GotAnswerRunning,
		"aborted": GotAnswerAborted, "unknown": GotAnswerUnknown,
	}
	for word, event := range want {
		if a, ok := ParseAnswer(word); !ok || a.Event() != event || a.String() != word {
			t.Errorf("%s: %v, %v, %v", word, a, ok, a.Event())
		}
	}
	if a, ok := ParseAnswer("perhaps"); ok {
		t.Errorf("perhaps is %v", a)
	}
	if e := Answer(9).Event(); e != 0 {
		t.Errorf("an answer of no list is the event %v", e)
	}
}
