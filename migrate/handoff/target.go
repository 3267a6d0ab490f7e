package handoff

// TargetState is where a target stands.
type TargetState uint8

// The states of a target.
const (
	// TargetReceiving: memory and state come in; nothing is written.
	TargetReceiving TargetState = iota + 1
	// TargetPreparing: loaded; Prepared is being written.
	TargetPreparing
	// TargetPrepared: commit is waited for.
	TargetPrepared
	// TargetAccepting: commit came; Running is being written.
	TargetAccepting
	// TargetStarting: that is written; the guest is being let go.
	TargetStarting
	// TargetRunning: the machine is the target's.
	TargetRunning
	// TargetBroken: the machine is the target's, and failed as it was started.
	TargetBroken
	// TargetAborting: it will not run. Aborted is being written over no record, or
	// over Prepared, which says the same.
	TargetAborting
	// TargetUndoing: it did not run, and will not, but Running may be on the disk. Until
	// Aborted is written over it, nobody is told.
	TargetUndoing
	// TargetAborted: it never ran, and never will.
	TargetAborted
)

var targetStates = []string{
	"receiving", "preparing", "prepared", "accepting", "starting", "running", "broken",
	"aborting", "undoing", "aborted",
}

// String is its name.
func (t TargetState) String() string { return name(targetStates, t) }

// Target is the side that a machine comes to.
type Target struct {
	session Session
	state   TargetState
	// writing is the record under way, unwritten one that is to be tried again; 0
	// for none.
	writing, unwritten TargetFate
	restored           bool // whether the machine ran is not known
	doomed             bool // what is being written is not to be followed
	linked             bool
}

// NewTarget is a target that has accepted a machine, and waits for it.
func NewTarget(session Session) *Target {
	return &Target{session: session, state: TargetReceiving, linked: true}
}

// RestoreTarget goes on after the end of the process that had the session, and with
// it the machine. Prepared becomes Aborted. The record is written first, again or
// anew: what a file says may not be what a loss of power leaves. A host without a
// record has no target, and answers AnswerUnknown.
func RestoreTarget(r TargetRecord) (*Target, []TargetAction, error) {
	if err := r.Check(); err != nil {
		return nil, nil, err
	}
	t := &Target{session: r.Session, restored: true}
	fate := Aborted
	switch r.Fate {
	case Prepared:
		t.state = TargetAborting
	case Running:
		t.state, fate = TargetAccepting, Running
	case Aborted:
		t.state = TargetUndoing
	}
	return t, []TargetAction{t.write(fate)}, nil
}

// Session is the attempt that it is about.
func (t *Target) Session() Session { return t.session }

// State is where it stands.
func (t *Target) State() TargetState { return t.state }

// Unwritten is whether Retry is wanted: a record could not be written.
func (t *Target) Unwritten() bool { return t.writing == 0 && t.unwritten != 0 }

// Settled is whether nothing is left to do or wait for.
func (t *Target) Settled() bool {
	return t.Owner() != Undecided && t.writing == 0 && t.unwritten == 0
}

// Owner is who may run the machine. There means that it does not run on this side:
// the source may have it.
func (t *Target) Owner() Owner {
	switch t.state {
	case TargetRunning, TargetBroken:
		return Here
	case TargetAborted:
		return There
	}
	return Undecided
}
