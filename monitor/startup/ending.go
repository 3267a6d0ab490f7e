package startup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hullvm/hull/monitor/control"
)

// Ending is the line that a process writes at its end: how its machine ended, or why
// it had none.
type Ending struct {
	Exit   *control.Exit `json:"exit,omitempty"`
	Failed string        `json:"failed,omitempty"`
}

// maxEnding is the most bytes of that line. A pipe takes as many without a reader.
const maxEnding = 32 << 10

// WriteEnding writes the line. A text that is too long is cut.
func WriteEnding(w io.Writer, e Ending) error {
	const most = maxEnding / 8 // of a text, whose bytes may take six each
	e.Failed = cut(e.Failed, most)
	if e.Exit != nil {
		exit := *e.Exit
		exit.Error = cut(exit.Error, most)
		e.Exit = &exit
	}
	text, err := json.Marshal(e)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("say how it ended: %w", err)
	}
	return nil
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// ErrNoEnding says that a process ended without a word.
var ErrNoEnding = errors.New("the monitor did not say how its machine ended")

// ReadEnding reads the line, up to the end of r.
func ReadEnding(r io.Reader) (Ending, error) {
	var e Ending
	text, err := io.ReadAll(io.LimitReader(r, maxEnding+1))
	switch {
	case err != nil:
		return e, fmt.Errorf("%w: %w", ErrNoEnding, err)
	case len(text) == 0:
		return e, ErrNoEnding
	case len(text) > maxEnding:
		return e, fmt.Errorf("%w: a line of more than %d bytes", ErrNoEnding, maxEnding)
	}
	if err := decode(text, &e); err != nil {
		return Ending{}, fmt.Errorf("%w: %w", ErrNoEnding, err)
	}
	if (e.Exit == nil) == (e.Failed == "") {
		return Ending{}, fmt.Errorf("%w: it is neither an end nor a failure", ErrNoEnding)
	}
	return e, nil
}
