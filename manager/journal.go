package manager

import (
	"context"
	"iter"
	"maps"
	"path/filepath"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

// JournalPath is where what happened to the instances of these directories is
// kept.
func (d Dirs) JournalPath() string { return filepath.Join(d.State, "events.jsonl") }

// Events returns what happened to instances.
func (m *Manager) Events(ctx context.Context, o events.Options) iter.Seq2[events.Event, error] {
	return events.Read(ctx, m.dirs.JournalPath(), o)
}

func (m *Manager) emit(d *instance.Description, action string, attributes map[string]string) {
	if err := events.Append(context.Background(), m.dirs.JournalPath(), NewEvent(d, action, attributes)); err != nil {
		// What happened has happened.
		m.log.Warn("journal", "instance", d.Name, "action", action, "cause", err)
	}
}

// NewEvent is an event of an instance: its attributes are the kernel, the labels,
// and what belongs to the action.
func NewEvent(d *instance.Description, action string, attributes map[string]string) events.Event {
	all := maps.Clone(d.Labels)
	if all == nil {
		all = make(map[string]string)
	}
	all["image"] = d.Kernel
	maps.Copy(all, attributes)
	return events.Event{Action: action, ID: d.ID, Name: d.Name, Attributes: all}
}

func (m *Manager) emitEnd(d *instance.Description, e *instance.Exit) {
	m.emit(d, events.Die, events.Ended(e.Code, string(e.Reason)))
}
