package handoff

// Do is something that a side is to do.
type Do uint8

// What is to be done.
const (
	// WriteRecord: the action's record becomes the session's on this host, durably.
	WriteRecord Do = iota + 1
	// Report: tell the user and the log what the action's notice says.
	Report

	// What a source is to do.

	// HoldGuest: no vCPU runs from here on.
	HoldGuest
	// LetGuestGo: the guest that was held goes on here.
	LetGuestGo
	// EndMachine: the machine here is thrown away.
	EndMachine
	// Reconnect: close what stands, wait a moment, connect anew. Answered by
	// Reconnected, or LinkLost where that failed. A second while one is under way is
	// the same one.
	Reconnect
	// SendCommit, SendAsk and SendCancel: the messages.
	SendCommit
	SendAsk
	SendCancel
	// CancelWon: who cancelled is told that the machine stays.
	CancelWon
	// CancelLate: who cancelled is told that it was handed over before.
	CancelLate

	// What a target is to do.

	// RunGuest: the first vCPU is let go. Answered by Started, StartRefused or
	// StartFailed.
	RunGuest
	// RemoveMachine: the monitor is ended, all that was made for the move removed, but
	// for the record. Nothing to do is no mistake.
	RemoveMachine
	// SendPrepared, SendRunning and SendFailed: the messages. On a connection whose
	// ask was not answered yet, running and failed may be said as answers.
	SendPrepared
	SendRunning
	SendFailed
	// SendAnswer: the action's answer.
	SendAnswer
)

var dos = []string{
	"write record", "report",
	"hold guest", "let guest go", "end machine", "reconnect", "send commit", "send ask", "send cancel",
	"cancel won", "cancel late",
	"run guest", "remove machine", "send prepared", "send running", "send failed", "send answer",
}

// String is its name.
func (d Do) String() string { return name(dos, d) }

// SourceAction is one thing that a source is to do.
type SourceAction struct {
	Do     Do
	Record SourceRecord // of WriteRecord
	Notice Notice       // of Report
}

// TargetAction is one thing that a target is to do.
type TargetAction struct {
	Do     Do
	Record TargetRecord // of WriteRecord
	Answer Answer       // of SendAnswer
	Notice Notice       // of Report
}

// Notice is what a user is told. Texts are the driver's.
type Notice uint8

// The notices.
const (
	// NoticeKept: the move is over, and the machine was never handed over.
	NoticeKept Notice = iota + 1
	// NoticeHandedOver: that is written; the target decides.
	NoticeHandedOver
	// NoticeSilent: handed over, and nothing is heard from the target. It is asked on.
	NoticeSilent
	// NoticeUnknown: handed over, and the target knows nothing of it. It is asked on.
	NoticeUnknown
	// NoticeTakenBack: the target does not have it.
	NoticeTakenBack
	// NoticeMoved: the target has it.
	NoticeMoved
	// NoticeMachineLost: the machine on this side is gone.
	NoticeMachineLost
	// NoticeUnwritten: a record could not be written. It is tried again.
	NoticeUnwritten
	// NoticeNotHandedOver: there is nothing to resolve.
	NoticeNotHandedOver
	// NoticeAsking: not to be resolved now: the target is connected, and being asked.
	NoticeAsking
	// NoticeUnresolved: what was resolved could not be written, and is void.
	NoticeUnresolved
	// NoticeRunning: the target's machine runs.
	NoticeRunning
	// NoticeStartFailed: the machine is the target's, and failed as it was started.
	NoticeStartFailed
	// NoticeAborted: the target is rid of the machine, which never ran there.
	NoticeAborted
)

var notices = []string{
	"kept", "handed over", "silent", "unknown", "taken back", "moved", "machine lost", "unwritten",
	"not handed over", "asking", "unresolved", "running", "start failed", "aborted",
}

// String is its name.
func (n Notice) String() string { return name(notices, n) }
