package handoff

// SourceState is where a source stands.
type SourceState uint8

// The states of a source.
const (
	// SourceCopying: the guest runs.
	SourceCopying SourceState = iota + 1
	// SourceHolding: it is held, its state not all sent yet.
	SourceHolding
	// SourceSent: all is sent; prepared is waited for.
	SourceSent
	// SourceHandingOver: HandedOver is being written; no commit was sent by this
	// process.
	SourceHandingOver
	// SourceWithdrawing: nobody knows whether HandedOver is on the disk. No commit was
	// sent, and none will be; TakenBack is being written over it.
	SourceWithdrawing
	// SourceHandedOver: the target decides. The memory is kept.
	SourceHandedOver
	// SourceTakingBack: TakenBack is being written before the guest goes on.
	SourceTakingBack
	// SourceForgetting: Moved is being written before the machine is thrown away.
	SourceForgetting
	// SourceTakenBack: it was handed over, and is the source's again.
	SourceTakenBack
	// SourceMoved: it is the target's.
	SourceMoved
	// SourceKept: the move is over, and it was never handed over.
	SourceKept
)

var sourceStates = []string{
	"copying", "holding", "sent", "handing-over", "withdrawing", "handed-over",
	"taking-back", "forgetting", "taken-back", "moved", "kept",
}

// String is its name.
func (s SourceState) String() string { return name(sourceStates, s) }

// Source is the side that a machine leaves.
type Source struct {
	session Session
	state   SourceState
	// writing is the record under way, unwritten one that is to be tried again; 0
	// for none.
	writing, unwritten SourceFate
	operator           bool // the record under way is a person's decision
	unclear            bool // the record under way may be on the disk already
	restored           bool // whether commit was sent is not known
	machine            bool // there is one here
	held               bool
	linked             bool
	cancelling         bool // somebody waits for CancelWon or CancelLate
}

// NewSource is a source whose guest runs, and whose target has accepted it.
func NewSource(session Session) *Source {
	return &Source{session: session, state: SourceCopying, machine: true, linked: true}
}

// RestoreSource goes on after the end of the process that had the session, and with
// it the machine: what it may hope for is that the target has it. The record is
// written again first: what a file says may not be what a loss of power leaves.
func RestoreSource(r SourceRecord) (*Source, []SourceAction, error) {
	if err := r.Check(); err != nil {
		return nil, nil, err
	}
	s := &Source{session: r.Session, operator: r.Operator, restored: true, unclear: true}
	switch r.Fate {
	case HandedOver:
		s.state = SourceHandingOver
	case TakenBack:
		s.state = SourceTakingBack
	case Moved:
		s.state = SourceMoved
	}
	return s, []SourceAction{s.write(r.Fate)}, nil
}

// Session is the attempt that it is about.
func (s *Source) Session() Session { return s.session }

// State is where it stands.
func (s *Source) State() SourceState { return s.state }

// Machine is whether this side still has the machine, running or held.
func (s *Source) Machine() bool { return s.machine }

// Unwritten is whether Retry is wanted: a record could not be written.
func (s *Source) Unwritten() bool { return s.writing == 0 && s.unwritten != 0 }

// Settled is whether nothing is left to do or wait for.
func (s *Source) Settled() bool {
	return s.Owner() != Undecided && s.state >= SourceTakenBack && s.writing == 0 && s.unwritten == 0
}

// Owner is who may run the machine. Until it is handed over it is here, though the
// guest may be held.
func (s *Source) Owner() Owner {
	switch s.state {
	case SourceCopying, SourceHolding, SourceSent, SourceTakenBack, SourceKept:
		return Here
	case SourceMoved:
		return There
	}
	return Undecided
}
