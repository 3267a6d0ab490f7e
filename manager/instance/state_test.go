package instance

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/configs"
)

// TestMovesAreTheTable holds Move against the legal moves, written out: rows are
// from, columns to, in the order of Statuses.
func TestMovesAreTheTable(t *testing.T) {
	legal := [][]int{
		//           created receiving running paused stopping handed-over exited
		/*created    */ {0, 0, 1, 0, 0, 0, 0},
		/*receiving  */ {0, 0, 1, 1, 0, 0, 1},
		/*running    */ {0, 0, 0, 1, 1, 1, 1},
		/*paused     */ {0, 0, 1, 0, 1, 1, 1},
		/*stopping   */ {0, 0, 0, 0, 0, 0, 1},
		/*handed-over*/ {0, 0, 1, 1, 0, 0, 1},
		/*exited     */ {0, 0, 1, 0, 0, 0, 0},
	}
	for i, from := range Statuses {
		for j, to := range Statuses {
			s := State{Status: from}
			err := s.Move(to)
			var refused *MoveError
			switch {
			case legal[i][j] == 1 && (err != nil || s.Status != to):
				t.Errorf("%s to %s: %v, now %s", from, to, err, s.Status)
			case legal[i][j] == 0 && (!errors.As(err, &refused) || s.Status != from):
				t.Errorf("%s to %s: %v, now %s", from, to, err, s.Status)
			}
		}
	}
}

func TestEndForgetsTheProcesses(t *testing.T) {
	s := State{Version: 1, Status: Running, Supervisor: 1, Monitor: 2, Published: []string{"x"}}
	if err := s.End(Exit{Code: 3, Reason: PowerOff}, time.Unix(5, 0)); err != nil {
		t.Fatal(err)
	}
	if s.Supervisor != 0 || s.Monitor != 0 || s.Published != nil || s.Exit.Code != 3 || !s.Finished.Equal(time.Unix(5, 0)) {
		t.Errorf("%+v", s)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if err := s.End(Exit{}, time.Unix(6, 0)); err == nil {
		t.Error("ended twice")
	}
}

func TestCheckRefusesWhatNobodyWrote(t *testing.T) {
	for name, s := range map[string]State{
		"no version":      {Status: Running},
		"a later version": {Version: StateVersion + 1, Status: Running},
		"an odd status":   {Version: 1, Status: "gone"},
		"no status":       {Version: 1},
		"exited, how":     {Version: 1, Status: Exited},
	} {
		if s.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What another host may run is started by no policy.
func TestAMachineThatWasHandedOverStaysWhereItIs(t *testing.T) {
	s := State{Version: 1, Status: Exited, Exit: &Exit{Code: CodeKilled, Reason: Lost}, Migration: &Migration{Role: Source, Peer: "other:8476"}}
	for _, p := range []configs.RestartPolicy{"always", "unless-stopped", "on-failure"} {
		if AgainAfterLoss(p, &s) {
			t.Errorf("%s: started again", p)
		}
	}
	s.Migration.Role = Target // it came here, and is this host's
	if !AgainAfterLoss("always", &s) {
		t.Error("a machine that came here is not started again")
	}
}

func TestPolicy(t *testing.T) {
	fine, failed := Exit{Reason: PowerOff}, Exit{Code: 1, Reason: PowerOff}
	for _, c := range []struct {
		policy configs.RestartPolicy
		exit   Exit
		tries  int
		want   bool
	}{
		{"no", failed, 0, false},
		{"always", fine, 100, true},
		{"unless-stopped", fine, 100, true},
		{"on-failure", fine, 0, false},
		{"on-failure", failed, 1000, true},
		{"on-failure:2", failed, 1, true},
		{"on-failure:2", failed, 2, false},
	} {
		if got := Again(c.policy, c.exit, c.tries); got != c.want {
			t.Errorf("%s after %v and %d tries: %v", c.policy, c.exit, c.tries, got)
		}
	}
	lost := Exit{Code: CodeKilled, Reason: Lost}
	for _, c := range []struct {
		policy configs.RestartPolicy
		state  State
		want   bool
	}{
		{"no", State{Status: Exited, Exit: &lost}, false},
		{"always", State{Status: Exited, Exit: &fine, ByUser: true}, true},
		{"always", State{Status: Created}, false},
		{"always", State{Status: Running}, false},
		{"unless-stopped", State{Status: Exited, Exit: &fine, ByUser: true}, false},
		{"unless-stopped", State{Status: Exited, Exit: &lost}, true},
		{"on-failure", State{Status: Exited, Exit: &failed}, false},
		{"on-failure", State{Status: Exited, Exit: &lost}, true},
		{"on-failure:1", State{Status: Exited, Exit: &lost, Restarts: 1}, false},
	} {
		if got := AgainAfterLoss(c.policy, &c.state); got != c.want {
			t.Errorf("%s in %+v: %v", c.policy, c.state, got)
		}
	}
}

func TestIDs(t *testing.T) {
	id := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	if !IsID(id) || IsID(id[1:]) || IsID(id+"0") || !IsIDPrefix("0a") || IsIDPrefix("") || IsIDPrefix("0A") || IsIDPrefix("xy") {
		t.Error("an id is not told from what is none")
	}
	if ShortID(id) != "0123456789ab" || ShortID("ab") != "ab" {
		t.Error("short ids are wrong")
	}
}
