package handoff

// Answer is what a target says of a session that it is asked about.
type Answer uint8

// The answers. AnswerUnknown is also that of a host which has no record of the
// session: it proves nothing, as a disk may have been lost.
const (
	AnswerPrepared Answer = iota + 1 // undecided: commit would be taken
	AnswerRunning                    // it is the target's
	AnswerAborted                    // it never ran there, and never will
	AnswerUnknown
)

var answers = []string{"prepared", "running", "aborted", "unknown"}

// String is the word for it on the wire.
func (a Answer) String() string { return name(answers, a) }

// ParseAnswer reads such a word.
func ParseAnswer(word string) (Answer, bool) { return value[Answer](answers, []byte(word)) }

// Event is what it is for the source that gets the answer; 0 for none of the list.
func (a Answer) Event() Event {
	switch a {
	case AnswerPrepared:
		return GotAnswerPrepared
	case AnswerRunning:
		return GotAnswerRunning
	case AnswerAborted:
		return GotAnswerAborted
	case AnswerUnknown:
		return GotAnswerUnknown
	}
	return 0
}

// Owner is who may run the machine, as one side knows it.
type Owner uint8

// The owners, seen from the side that is asked.
const (
	Here      Owner = iota + 1 // this side, and no other
	There                      // not this side: the other, or nobody
	Undecided                  // it must not run here, and may not be thrown away
)

var owners = []string{"here", "there", "undecided"}

// String is its name.
func (o Owner) String() string { return name(owners, o) }
