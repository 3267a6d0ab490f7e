package jail

import (
	"fmt"
	"strings"
)

// Confinement says what holds a process.
type Confinement struct {
	Has     []string
	Missing []string // what is not there, and why
}

func (c *Confinement) String() string {
	s := strings.Join(c.Has, ", ")
	if len(c.Missing) > 0 {
		s += "; without " + strings.Join(c.Missing, ", ")
	}
	return s
}

// Note keeps what became of a part of the confinement, and reports whether it is
// there.
func (c *Confinement) Note(name string, err error) bool {
	if err != nil {
		c.Missing = append(c.Missing, fmt.Sprintf("%s: %v", name, err))
		return false
	}
	c.Has = append(c.Has, name)
	return true
}
