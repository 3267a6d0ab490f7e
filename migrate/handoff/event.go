package handoff

// Event is something that happened to a side.
type Event uint8

// What happens to both.
const (
	// WriteDone: the record is on the disk, and stays there.
	WriteDone Event = iota + 1
	// WriteFailed: it is certainly not; what was there before is.
	WriteFailed
	// WriteUnclear: it may be there or not, now or after a loss of power (fsync
	// failed, say).
	WriteUnclear
	// Retry: a few seconds have passed; a record that is not written is tried again.
	Retry
	// LinkLost: the control connection is gone, or the peer silent for too long, or
	// it could not be connected again.
	LinkLost
	// Timeout: the phase took too long, or something on this side failed. In a
	// source that has handed over: no word for some seconds on a connection that
	// stands. In a target that is prepared: 30 s without a connection.
	Timeout
	// MachineLost: the monitor is gone, or what it had, while the guest did not run.
	MachineLost

	// What happens to a source.

	// SwitchOver: memory has converged; now.
	SwitchOver
	// StateSent: all of the state and the last epoch are sent.
	StateSent
	// GotPrepared, GotRunning and GotFailed: the messages.
	GotPrepared
	GotRunning
	GotFailed
	// The answers to an ask.
	GotAnswerPrepared
	GotAnswerRunning
	GotAnswerAborted
	GotAnswerUnknown
	// Reconnected: a new connection stands, with nothing said on it yet.
	Reconnected
	// Cancelled: the user wants it no more. Answered once by CancelWon or CancelLate,
	// for all who asked by then.
	Cancelled
	// ResolveSource: a person says that the target is gone for good.
	ResolveSource
	// ResolveTarget: a person says that the machine is the target's.
	ResolveTarget

	// What happens to a target.

	// Loaded: memory and state are in place, vCPUs and devices held.
	Loaded
	// LoadFailed: they are not, and will not be.
	LoadFailed
	// GotCommit and GotAsk: the messages.
	GotCommit
	GotAsk
	// GotCancel: the source's cancel, or its error: it goes on, and has sent no commit.
	GotCancel
	// Started: the first vCPU was let go.
	Started
	// StartRefused: the monitor lives, and says that it let no vCPU go.
	StartRefused
	// StartFailed: whether a vCPU ran is not known.
	StartFailed
)

var events = []string{
	"write done", "write failed", "write unclear", "retry", "link lost", "timeout", "machine lost",
	"switch over", "state sent", "got prepared", "got running", "got failed",
	"answer prepared", "answer running", "answer aborted", "answer unknown",
	"reconnected", "cancelled", "resolve source", "resolve target",
	"loaded", "load failed", "got commit", "got ask", "got cancel",
	"started", "start refused", "start failed",
}

// String is its name.
func (e Event) String() string { return name(events, e) }
