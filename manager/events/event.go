package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// Actions that have happened to an instance.
const (
	Create  = "create"
	Start   = "start"
	Die     = "die" // attributes exitCode and reason, see Ended
	Stop    = "stop"
	Kill    = "kill" // attribute signal
	Pause   = "pause"
	Unpause = "unpause"
	Migrate = "migrate" // attribute to or from, the other host's address
	Restart = "restart" // by the policy
	Reboot  = "reboot"  // by the guest; attribute reason
	OOM     = "oom"
	Destroy = "destroy"
	Rename  = "rename" // attribute oldName
	Update  = "update"

	Snapshot = "snapshot" // attribute snapshot, its name

	ExecStart = "exec_start" // attribute command
)

// Actions are all of them.
var Actions = []string{
	Create, Start, Die, Stop, Kill, Pause, Unpause, Migrate, Restart, Reboot, OOM, Destroy, Rename, Update, Snapshot, ExecStart,
}

// Ended is the attributes of Die.
func Ended(code int, reason string) map[string]string {
	return map[string]string{"exitCode": strconv.Itoa(code), "reason": reason}
}

// Event is one thing that happened.
type Event struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"`
	ID     string    `json:"id,omitempty"` // of the instance
	Name   string    `json:"name,omitempty"`
	// Attributes are the image, the labels, and what belongs to the action.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// maxEvent is the longest line of an event, in bytes.
const maxEvent = 256 << 10

// encode is the event's line with its newline.
func (e *Event) encode() ([]byte, error) {
	if e.Action == "" {
		return nil, errors.New("no action")
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	if out.Len() > maxEvent {
		return nil, fmt.Errorf("%d bytes, of which %d are allowed", out.Len(), maxEvent)
	}
	return out.Bytes(), nil
}

// decode is the event of a line without its newline.
func decode(b []byte) (Event, error) {
	if len(b) > maxEvent {
		return Event{}, fmt.Errorf("not an event: longer than %d bytes", maxEvent)
	}
	if !utf8.Valid(b) {
		return Event{}, errors.New("not an event: not UTF-8")
	}
	var e Event
	if err := json.Unmarshal(b, &e); err != nil {
		return Event{}, fmt.Errorf("not an event: %w", err)
	}
	if e.Action == "" || e.Time.IsZero() {
		return Event{}, errors.New("not an event: it has no action or no time")
	}
	return e, nil
}
