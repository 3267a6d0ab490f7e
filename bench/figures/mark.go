package figures

import (
	"fmt"
	"strconv"
	"strings"
)

// prefix begins the lines that are meant for the host. A newline is written
// before it: the kernel may have left a line unfinished.
const prefix = "hull-bench:"

// Kind is what a line says.
type Kind string

const (
	Value Kind = "value" // ID VALUE: a figure
	Fail  Kind = "fail"  // ID TEXT: a figure that could not be measured
	Idle  Kind = "idle"  // the guest does nothing any more
	Dead  Kind = "dead"  // - TEXT: the guest cannot go on
)

// Mark is one line for the host.
type Mark struct {
	Kind  Kind
	ID    string
	Value float64
	Text  string
}

// String is the line, with its ends.
func (m Mark) String() string {
	switch m.Kind {
	case Value:
		return fmt.Sprintf("\n%s %s %s %s\n", prefix, m.Kind, m.ID, strconv.FormatFloat(m.Value, 'g', -1, 64))
	case Fail, Dead:
		id := m.ID
		if id == "" {
			id = "-"
		}
		return fmt.Sprintf("\n%s %s %s %s\n", prefix, m.Kind, id, strings.Join(strings.Fields(m.Text), " "))
	default:
		return fmt.Sprintf("\n%s %s\n", prefix, m.Kind)
	}
}

// ParseMark reads a line of the console; ok is false where it is none for the
// host, or a torn one.
func ParseMark(line string) (m Mark, ok bool) {
	_, rest, found := strings.Cut(line, prefix)
	if !found {
		return Mark{}, false
	}
	words := strings.Fields(rest)
	if len(words) == 0 {
		return Mark{}, false
	}
	m.Kind = Kind(words[0])
	switch {
	case m.Kind == Idle && len(words) == 1:
		return m, true
	case m.Kind == Value && len(words) == 3:
		v, err := strconv.ParseFloat(words[2], 64)
		m.ID, m.Value = words[1], v
		return m, err == nil
	case (m.Kind == Fail || m.Kind == Dead) && len(words) >= 2:
		m.ID, m.Text = words[1], strings.Join(words[2:], " ")
		return m, true
	}
	return Mark{}, false
}
