package handoff

// world is everything there is in the model: both sides, what their disks hold, what
// is on its way between them, and what a bystander who sees all of it remembers. It is
// a value, and a map's key.
type world struct {
	source Source
	target Target

	sourceLife, targetLife   life
	sourceGuest, targetGuest guest
	sourceDisk, targetDisk   disk

	// sent are the messages that were ever sent: each may be delivered at any time, in
	// any order, again and again, or never. That is more than any network does to
	// connections which are cut and made anew. In a calm world each is delivered once.
	sent    mail
	dialing bool // the source wants a connection
	calm    bool // nothing fails from here on
	seen    seen
}

// life is that of a side's process.
type life uint8

const (
	alive  life = iota // has a Source or a Target
	down               // ended, and may be started again
	absent             // runs, and found no record: knows of no session
	gone               // burnt down, with its disk
)

// guest is what a side's machine does.
type guest uint8

const (
	running guest = iota
	held
	starting // told to run; whether it does is not known yet
	none
)

// seen is what happened so far, for the rules.
type seen struct {
	handed    bool // HandedOver was on the source's disk for certain
	committed bool // commit was sent
	proof     bool // the target's word that it never ran and never will arrived
	wentOn    bool // the source's guest ran again after it was held
	owned     bool // Running was on the target's disk for certain, and not undone
	started   bool // the target's guest was let go, or may have been
	renounced bool // the target said that it never ran and never will
	aborted   bool // Aborted was on the target's disk for certain

	sourceDied, targetDied bool // a process or a machine ended that was not told to
	resolvedHere           bool // for the source, by a person
	asked, cancelWon       bool // a cancel waits for its answer; one was answered with yes
}

// disk is one record of one side. Bits of a set are 1 << fate; fate 0 is no record.
type disk struct {
	now uint8 // what a reader finds: a fate
	may uint8 // the set of what can be there after a loss of power
}

func blank() disk { return disk{may: 1} }

// holds is whether it is certainly one of some fates, also after a loss of power.
func (d disk) holds(fates ...uint8) bool {
	var set uint8
	for _, f := range fates {
		set |= 1 << f
	}
	return d.may&^set == 0
}

// done is the disk after a write that was synced.
func (d disk) done(fate uint8) disk { return disk{now: fate, may: 1 << fate} }

// renamed is the disk after a write that got its name, and was not synced.
func (d disk) renamed(fate uint8) disk { return disk{now: fate, may: d.may | 1<<fate} }

// cuts are the disks that the end of a process can leave which was writing fate, 0 for
// none, with the power lost or not.
func (d disk) cuts(fate uint8) []disk {
	left := []disk{d}
	if fate != 0 {
		left = append(left, d.renamed(fate))
	}
	for _, l := range left[:len(left):len(left)] {
		for f := range uint8(4) {
			if l.may&(1<<f) != 0 {
				left = append(left, disk{now: f, may: 1 << f})
			}
		}
	}
	return left
}

// mail is a set of messages.
type mail uint16

const (
	state mail = 1 << iota
	commit
	ask
	cancel
	prepared
	ran
	failed
	answerPrepared
	answerRunning
	answerAborted
	answerUnknown
	mails
)

// toSource are the messages that a source gets, and what they are to it.
var toSource = map[mail]Event{
	prepared: GotPrepared, ran: GotRunning, failed: GotFailed,
	answerPrepared: GotAnswerPrepared, answerRunning: GotAnswerRunning,
	answerAborted: GotAnswerAborted, answerUnknown: GotAnswerUnknown,
}

// toTarget are those that a target gets.
var toTarget = map[mail]Event{commit: GotCommit, ask: GotAsk, cancel: GotCancel, state: Loaded}

// begin is the world in which the guest runs at the source, and the target has accepted.
func begin() world {
	session := Session{1}
	return world{
		source: *NewSource(session), target: *NewTarget(session),
		sourceGuest: running, targetGuest: held,
		sourceDisk: blank(), targetDisk: blank(),
	}
}
