package store

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/internal/durable"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/migrate/handoff"
)

// Session is what a host remembers of a machine that came to it, or did not: a source
// that heard nothing asks for it. The fate of one that runs is the instance's state
// first of all; see handoff.
type Session struct {
	handoff.TargetRecord

	Instance string    `json:"instance"` // id
	Peer     string    `json:"peer"`     // address of the source
	Since    time.Time `json:"since"`    // of the fate
	Reason   string    `json:"reason,omitempty"`
}

// Check refuses a session that this release cannot have written.
func (r *Session) Check() error {
	if !instance.IsID(r.Instance) {
		return fmt.Errorf("instance %q is not one", r.Instance)
	}
	return r.TargetRecord.Check()
}

// keepSessions is how long a session is remembered: nobody asks for it after that.
const keepSessions = 30 * 24 * time.Hour

func (s *Store) sessions() string { return filepath.Join(s.dir, "sessions") }

func (s *Store) sessionFile(id handoff.Session) string {
	return filepath.Join(s.sessions(), id.String()+".json")
}

// PutSession makes durable what became of a session, and forgets those that nobody
// asks for any more.
func (s *Store) PutSession(r *Session) error {
	if err := r.Check(); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if err := os.MkdirAll(s.sessions(), 0o700); err != nil {
		return fmt.Errorf("sessions: make folder: %w", err)
	}
	if err := durable.SyncDir(s.dir); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	if err := writeJSON(s.sessionFile(r.Session), r); err != nil {
		return fmt.Errorf("session %s: %w", r.Session, err)
	}
	s.forgetSessions(time.Now().Add(-keepSessions))
	return nil
}

// Session is what became of a session. The error is fs.ErrNotExist for one that this
// host knows nothing of, and ErrCorrupt.
func (s *Store) Session(id handoff.Session) (*Session, error) {
	b, err := readCapped(s.sessionFile(id))
	if err != nil {
		return nil, fmt.Errorf("session %s: %w", id, err)
	}
	var r Session
	if err = json.Unmarshal(b, &r); err == nil {
		err = r.Check()
	}
	if err == nil && r.TargetRecord.Session != id {
		err = fmt.Errorf("it is of %s", r.TargetRecord.Session)
	}
	if err != nil {
		return nil, fmt.Errorf("session %s: file %q %w: %w", id, s.sessionFile(id), ErrCorrupt, err)
	}
	return &r, nil
}

// forgetSessions removes what was last written before a moment. What fails is left for
// the next time.
func (s *Store) forgetSessions(before time.Time) {
	all, err := os.ReadDir(s.sessions())
	if err != nil {
		return
	}
	for _, e := range all {
		info, err := e.Info()
		if err == nil && strings.HasSuffix(e.Name(), ".json") && info.ModTime().Before(before) {
			_ = os.Remove(filepath.Join(s.sessions(), e.Name()))
		}
	}
}
