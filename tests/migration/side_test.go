package migration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/tests/twohosts"
)

// side is one host of a world, with folders of its own.
type side struct {
	*world
	name  string
	index int
	*twohosts.Host
	home    string
	run     string
	address string // on the link of moves
}

func (w *world) newSide(i int, name string) *side {
	w.t.Helper()
	h, err := twohosts.NewHost(w.network.Sides[i], name)
	if err != nil {
		guesttest.Missing(w.t, err.Error())
	}
	s := &side{
		world: w, name: name, index: i, Host: h, address: twohosts.Addresses[i],
		home: filepath.Join(w.base, name, "s"), run: filepath.Join(w.base, name, "r"),
	}
	w.must(os.MkdirAll(s.home, 0o755))
	// With a home of their own commands look for kernels there.
	w.must(os.Symlink(guest.DirsFromEnv(os.Getenv).Kernels, filepath.Join(s.home, "kernels")))
	return s
}

func (s *side) env() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"HULL_HOME", "HULL_RUN_DIR", "HULL_PROGRAMS", "HULL_CACHE_DIR", "HULL_HOST"}, name)
	})
	return append(env, "HULL_HOME="+s.home, "HULL_RUN_DIR="+s.run, "HULL_PROGRAMS="+s.programs, "HULL_CACHE_DIR="+s.cache)
}

// hull runs a command of Hull's on this side, which has to succeed, and returns what it
// writes to standard output.
func (s *side) hull(args ...string) string {
	s.t.Helper()
	c := s.start(args...)
	if code := c.wait(); code != 0 {
		s.t.Fatalf("%v", c)
	}
	return c.stdout.String()
}

// listed is an instance in a list.
type listed struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State struct {
		Status string `json:"status"`
		Exit   *struct {
			Reason string `json:"reason"`
			Detail string `json:"detail"`
		} `json:"exit"`
	} `json:"state"`
}

// list is all instances of this side.
func (s *side) list() (all []listed) {
	s.t.Helper()
	refs := strings.Fields(s.hull("ps", "-aq"))
	if len(refs) == 0 {
		return nil
	}
	c := s.start(append([]string{"inspect"}, refs...)...)
	if c.wait() != 0 {
		return nil // one is gone since: whoever asks will ask again
	}
	if err := json.Unmarshal([]byte(c.stdout.String()), &all); err != nil {
		s.t.Fatalf("%v: %v", c, err)
	}
	return all
}

// status is an instance's, "" where there is none.
func (s *side) status(name string) string {
	s.t.Helper()
	for _, l := range s.list() {
		if l.Name == name {
			return l.State.Status
		}
	}
	return ""
}
