package instance

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is where an instance stands.
type Status string

// The statuses there are.
const (
	Created  Status = "created"  // it has never run
	Running  Status = "running"  // its vCPUs are in the guest
	Paused   Status = "paused"   // its vCPUs are held
	Stopping Status = "stopping" // it was asked to end
	Exited   Status = "exited"   // it ran, and has an Exit

	Receiving  Status = "receiving"   // its machine arrives from another host, and has not run here
	HandedOver Status = "handed-over" // another host may run its machine; it is held here
)

// Statuses are all of them, in the order of an instance's life.
var Statuses = []Status{Created, Receiving, Running, Paused, Stopping, HandedOver, Exited}

// Live reports whether an instance of this status has a supervisor and a monitor.
func (s Status) Live() bool {
	return s == Running || s == Paused || s == Stopping || s == Receiving || s == HandedOver
}

// moves is the table of legal moves: from each status, those to which an instance
// may go. A machine that cannot be started again stays where it was.
var moves = map[Status][]Status{
	Created:    {Running},
	Receiving:  {Running, Paused, Exited},
	Running:    {Paused, Stopping, HandedOver, Exited},
	Paused:     {Running, Stopping, HandedOver, Exited},
	Stopping:   {Exited},
	HandedOver: {Running, Paused, Exited},
	Exited:     {Running},
}

// Reason is why an instance ended.
type Reason string

// The reasons there are.
const (
	PowerOff      Reason = "power-off"      // the guest turned itself off
	Reset         Reason = "reset"          // the guest reset its machine, and lifecycle.on_reset is "end"
	GuestPanic    Reason = "guest panic"    // the guest's kernel crashed
	TripleFault   Reason = "triple fault"   // a vCPU met a fault that it could not deliver
	Stopped       Reason = "stopped"        // stop: the guest turned itself off when it was asked to
	Killed        Reason = "killed"         // kill, or stop of a guest that did not end in time
	OutOfMemory   Reason = "out of memory"  // the kernel ended the monitor over its memory limit
	MonitorCrash  Reason = "monitor crash"  // the monitor ended without a word
	InternalError Reason = "internal error" // KVM or the monitor could not go on
	Migrated      Reason = "migrated"       // its machine runs on another host
	Lost          Reason = "lost"           // the supervisor is gone: killed, or the host went down
)

// Exit statuses of instances that have none from the guest
// (docs/exit-codes.md).
const (
	CodeReset         = 120
	CodeGuestPanic    = 121
	CodeTripleFault   = 122
	CodeInternalError = 124
	CodeKilled        = 137 // 128 + SIGKILL, also for a machine that was out of memory
)

// Exit is how an instance ended.
type Exit struct {
	Code   int    `json:"code"`
	Reason Reason `json:"reason"`
	Detail string `json:"detail,omitempty"` // for people: a cause
}

func (e Exit) String() string {
	if e.Detail == "" {
		return fmt.Sprintf("%s (status %d)", e.Reason, e.Code)
	}
	return fmt.Sprintf("%s (status %d): %s", e.Reason, e.Code, e.Detail)
}

// StateVersion is the newest version of a state's file.
const StateVersion = 1

// State is where an instance stands, as its supervisor last wrote it.
type State struct {
	Version int    `json:"version"`
	Status  Status `json:"status"`
	Exit    *Exit  `json:"exit,omitempty"` // of the last run; nil before its end

	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

	Restarts   int       `json:"restarts"`            // by the policy, since start
	Restarting bool      `json:"restarting"`          // exited, and will be started again
	RestartAt  time.Time `json:"restart_at,omitzero"` // when
	ByUser     bool      `json:"by_user"`             // stop or kill has ended it

	Supervisor int `json:"supervisor,omitempty"` // pids, while it lives
	Monitor    int `json:"monitor,omitempty"`

	Cgroup    string   `json:"cgroup,omitempty"`
	Published []string `json:"published,omitempty"` // ports of the host that lead to the guest
	Held      []string `json:"held,omitempty"`      // what holds the monitor
	NotHeld   []string `json:"not_held,omitempty"`  // what does not, and why

	// Migration is the last one that has a word in where the machine may run; nil for
	// none.
	Migration *Migration `json:"migration,omitempty"`
}

// MoveError says that an instance cannot go from where it stands to where it was
// told to.
type MoveError struct {
	From, To Status
}

func (e *MoveError) Error() string {
	return fmt.Sprintf("it is %s, and cannot become %s", e.From, e.To)
}

// Move takes the state to a status. Where the table has no such move the state
// stays as it is, and the error is an *MoveError.
func (s *State) Move(to Status) error {
	if !slices.Contains(moves[s.Status], to) {
		return &MoveError{From: s.Status, To: to}
	}
	s.Status = to
	return nil
}

// End takes a live state to Exited.
func (s *State) End(e Exit, at time.Time) error {
	if err := s.Move(Exited); err != nil {
		return err
	}
	s.Exit, s.Finished = &e, at
	s.Supervisor, s.Monitor = 0, 0
	s.Published = nil
	return nil
}

// Check refuses a state that this release cannot have written.
func (s *State) Check() error {
	switch {
	case s.Version < 1 || s.Version > StateVersion:
		return fmt.Errorf("version %d: this release of hull reads up to %d", s.Version, StateVersion)
	case !slices.Contains(Statuses, s.Status):
		return fmt.Errorf("status %q is none of %s", s.Status, join(Statuses))
	case s.Status == Exited && s.Exit == nil:
		return fmt.Errorf("exited, and no exit")
	}
	return nil
}

func join(list []Status) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}
