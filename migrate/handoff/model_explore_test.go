package handoff

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// explored is what was found of a model.
type explored struct {
	worlds []world
	from   []int32
	by     []uint16 // of moves
	moves  []move
	index  map[world]int32
	steps  int
	calm   int // how many of the worlds are calm
}

// counterexample is a rule that was broken, and the shortest way to it.
type counterexample struct {
	rule  error
	trace []move
}

func (c *counterexample) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v:", c.rule)
	for i, m := range c.trace {
		fmt.Fprintf(&b, "\n%4d. %v", i+1, m)
	}
	return b.String()
}

// explore goes through every world that can be reached, in the order of the length of
// the way, until a rule is broken. It is exhaustive: nothing bounds how often a
// message, a connection, a write, a process or a host fails.
func (m *model) explore() (*explored, *counterexample) {
	// The worlds stay, and are most of the memory: garbage beside them is not let grow
	// to as much again.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	x := &explored{index: map[world]int32{}}
	x.add(begin(), -1, move{"all", words("begin")})
	if bad := x.spread(m, 0); bad != nil {
		return x, bad
	}
	return x, x.calmDown(m)
}

// add remembers a world; -1 where it was known.
func (x *explored) add(w world, from int32, by move) int32 {
	if _, known := x.index[w]; known {
		return -1
	}
	i := int32(len(x.worlds))
	x.index[w] = i
	x.worlds, x.from, x.by = append(x.worlds, w), append(x.from, from), append(x.by, x.code(by))
	return i
}

// code is a small number for a move, so that worlds by the million hold no pointer.
func (x *explored) code(of move) uint16 {
	i := slices.Index(x.moves, of)
	if i < 0 {
		i = len(x.moves)
		x.moves = append(x.moves, of)
	}
	return uint16(i)
}

// spread follows all steps from the worlds that were added since.
func (x *explored) spread(m *model, since int) *counterexample {
	for i := since; i < len(x.worlds); i++ {
		for _, s := range m.steps(x.worlds[i]) {
			x.steps++
			if s.err != nil {
				return x.counter(s.err, int32(i), s.move)
			}
			if s.to != x.worlds[i] {
				x.add(s.to, int32(i), s.move)
			}
		}
	}
	return nil
}

// calmDown takes each world that was reached, loses all that is on its way, cuts the
// connections, and lets nothing fail from there on. From wherever that leads, an end
// must be within reach: then whatever is done in the meantime, it comes.
func (x *explored) calmDown(m *model) *counterexample {
	rough := len(x.worlds)
	for i := range rough {
		w, err := m.calmed(x.worlds[i])
		if err != nil {
			return x.counter(err, int32(i), move{"all", words("calm")})
		}
		x.add(w, int32(i), move{"all", words("calm")})
	}
	if bad := x.spread(m, rough); bad != nil {
		return bad
	}
	x.calm = len(x.worlds) - rough
	return x.wayOut(m, rough)
}

func (m *model) calmed(w world) (world, error) {
	w.calm, w.sent = true, 0
	if w.sourceLife == alive && (w.source.linked || w.dialing) {
		w.dialing = false
		if err := m.tellSource(&w, LinkLost); err != nil {
			return w, err
		}
	}
	if w.targetLife == alive && w.target.linked {
		if err := m.tellTarget(&w, LinkLost); err != nil {
			return w, err
		}
	}
	return w, w.judge()
}

// wayOut goes back from all good worlds; a calm world that is not met has no way to one.
func (x *explored) wayOut(m *model, rough int) *counterexample {
	back := make([][]int32, len(x.worlds)-rough)
	met := make([]bool, len(back))
	var next []int32
	for i := range back {
		w := x.worlds[rough+i]
		if w.good() {
			met[i] = true
			next = append(next, int32(i))
		}
		for _, s := range m.steps(w) {
			to := x.index[s.to] - int32(rough)
			back[to] = append(back[to], int32(i))
		}
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		for _, j := range back[i] {
			if !met[j] {
				met[j] = true
				next = append(next, j)
			}
		}
	}
	if i := slices.Index(met, false); i >= 0 {
		return x.counter(errNoWayOut, int32(rough+i), move{"all", words("no way from here")})
	}
	return nil
}

func (x *explored) counter(rule error, at int32, last move) *counterexample {
	trace := []move{last}
	for ; x.from[at] >= 0; at = x.from[at] {
		trace = append(trace, x.moves[x.by[at]])
	}
	slices.Reverse(trace)
	return &counterexample{rule, trace}
}
