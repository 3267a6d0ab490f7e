package supervisor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/snapshot"
)

// ProtocolVersion is that of the requests below. A supervisor outlives the hull
// that started it, and may be asked by a later one.
const ProtocolVersion = 1

// Op is what a supervisor is asked for.
type Op string

// The requests there are. Each is one line of JSON, and so is its reply.
const (
	OpInspect Op = "inspect" // state and what the monitor says
	OpStop    Op = "stop"    // replies when the instance has ended
	OpKill    Op = "kill"    // replies when the instance has ended
	OpPause   Op = "pause"
	OpUnpause Op = "unpause"
	OpUpdate  Op = "update"
	OpWait    Op = "wait"   // replies when the instance has ended for good
	OpAttach  Op = "attach" // the reply is followed by the console's bytes, both ways
	OpResize  Op = "resize" // of the terminal at the console
	OpSave    Op = "save"   // writes the machine down; the guest is held meanwhile

	OpMigrate Op = "migrate"         // replies when the machine runs on another host
	OpCancel  Op = "migrate-cancel"  // replies when a move has come to nothing
	OpResolve Op = "migrate-resolve" // ends the doubt about who has a machine that was handed over
)

// Request is what is asked.
type Request struct {
	Version int              `json:"version"`
	Op      Op               `json:"op"`
	Timeout *time.Duration   `json:"timeout,omitempty"` // stop: how long the guest may take; negative for ever, nil for the machine's own
	Update  *instance.Update `json:"update,omitempty"`
	Input   bool             `json:"input,omitempty"` // attach: what is sent goes to the guest
	Size    *agent.WinSize   `json:"size,omitempty"`
	Save    *Save            `json:"save,omitempty"`
	Migrate *Migrate         `json:"migrate,omitempty"`
	Side    instance.Role    `json:"side,omitempty"` // resolve: who is to have the machine
}

// Save says what a machine is written into.
type Save struct {
	// Dir is a folder that has an empty file for each part of a snapshot (package
	// snapshot), and gets the copies of disks.
	Dir string `json:"dir"`
	// Hold leaves the guest held when it is written.
	Hold bool `json:"hold,omitempty"`
	// Live has memory written while the guest runs, and what has changed meanwhile
	// when it is held. A guest that is paused is written at once.
	Live bool `json:"live,omitempty"`
	// Over is the snapshot that has what the folder's memory is not to have; nil for
	// none. The folder has a file for the map of pages then.
	Over *SnapshotID `json:"over,omitempty"`
	// Track has the pages noted that change from here on; what is written is called
	// so. nil for none.
	Track *SnapshotID `json:"track,omitempty"`
}

// SnapshotID tells a snapshot from all others.
type SnapshotID struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// Saved is a machine that was written down.
type Saved struct {
	TSCKHz uint32          `json:"tsc_khz"` // of the guest's time-stamp counter
	Disks  []snapshot.Disk `json:"disks"`   // copies are in Save.Dir
	Held   time.Duration   `json:"held"`    // how long the guest was, nanoseconds; 0 where it still is
}

// Reply is the answer.
type Reply struct {
	Error   *Failure        `json:"error,omitempty"`
	State   *instance.State `json:"state,omitempty"`
	Monitor *Monitor        `json:"monitor,omitempty"` // inspect
	Saved   *Saved          `json:"saved,omitempty"`   // save
	ID      string          `json:"id,omitempty"`      // of an instance that was received

	Migrated *Migrated `json:"migrated,omitempty"` // migrate
}

// Failure is an error on the wire.
type Failure struct {
	Kind instance.Kind `json:"kind"`
	Text string        `json:"text"`
}

// Monitor is what a live instance's monitor says of itself.
type Monitor struct {
	PID      int      `json:"pid"`
	State    string   `json:"state"`
	Held     []string `json:"confinement"`
	NotHeld  []string `json:"confinement_missing,omitempty"`
	Devices  []Device `json:"devices"`
	Timeline []Mark   `json:"timeline"`

	// Writing is how far the memory is that is being written down; nil while none is.
	Writing *Progress `json:"writing,omitempty"`
	// Moving is how far a move to another host is; nil while there is none.
	Moving *Moving `json:"moving,omitempty"`
}

// Progress is how many bytes of how many are dealt with.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Device is a device of a live machine.
type Device struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Address string `json:"address"` // on the PCI bus
}

// Mark is a moment of a machine's start.
type Mark struct {
	Name string        `json:"name"`
	At   time.Duration `json:"at"` // nanoseconds since the monitor's start
}

// maxLine bounds a request and a reply, in bytes.
const maxLine = 1 << 20

// writeLine sends v as one line.
func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) >= maxLine {
		return fmt.Errorf("message of %d bytes, at most %d", len(b), maxLine)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// readLine reads one line into v. What it does not have is refused in a request,
// which must not be half understood, and passed over in the reply of a later
// supervisor.
func readLine(r *bufio.Reader, v any) error {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return fmt.Errorf("message of more than %d bytes", maxLine)
		}
		line = append(line, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if _, request := v.(*Request); request {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return nil
}

func failure(err error) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{Kind: instance.KindOf(err), Text: err.Error()}
}

func (f *Failure) error() error {
	if f == nil {
		return nil
	}
	return &instance.Error{Kind: f.Kind, Err: errors.New(f.Text)}
}

// Failure is what the reply says went wrong, as an *instance.Error; nil for
// nothing.
func (r *Reply) Failure() error { return r.Error.error() }

// WriteReply sends a reply as the line of its protocol: also on the descriptor by
// which a supervisor says how its start went.
func WriteReply(w io.Writer, err error) error { return writeLine(w, &Reply{Error: failure(err)}) }
