package vmstate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of a state. A machine of 1,000 vCPUs stays below a quarter of each.
const (
	MaxSections = 8192
	MaxName     = 128      // bytes of a section's name
	MaxValue    = 16 << 20 // bytes of a section's value
	MaxSize     = 64 << 20 // bytes of a whole state
)

// ErrBadState is in the error of everything that is wrong with a state that was
// read.
var ErrBadState = errors.New("not a state that this version of Hull can load")

// State is the sections of a machine's state. It is for one goroutine at a time.
type State struct {
	sections []*section
	byName   map[string]*section
}

type section struct {
	name     string
	version  uint16
	optional bool
	value    []byte
	taken    bool
}

// New returns a state without a section.
func New() *State { return &State{byName: make(map[string]*section)} }

// Keeper is what has a state that is saved and loaded.
type Keeper interface {
	// Save writes the state, which does not change meanwhile.
	Save(Out) error
	// Load takes over a state that was saved, in a keeper that is as it was made.
	// A state that cannot have been saved is an error: nothing in it is believed.
	Load(In) error
}

// Out takes the sections of one keeper.
type Out struct {
	state *State
	name  string
}

// Out is where the section of that name goes.
func (s *State) Out(name string) Out { return Out{state: s, name: name} }

// At is where the sections of a part go: their names begin with this one's.
func (o Out) At(part string) Out { return Out{state: o.state, name: join(o.name, part)} }

// Put writes a value of a version, which counts from 1. Whoever does not know the
// section cannot load the state.
func (o Out) Put(version uint16, v any) error { return o.state.add(o.name, version, false, v) }

// PutOptional is Put of what a reader that does not know it can do without.
func (o Out) PutOptional(version uint16, v any) error { return o.state.add(o.name, version, true, v) }

func (s *State) add(name string, version uint16, optional bool, v any) error {
	value, err := encode(v)
	if err != nil {
		return fmt.Errorf("state %q: write: %w", name, err)
	}
	if version == 0 || len(value) > MaxValue {
		return fmt.Errorf("state %q: write version %d of %d bytes: versions count from 1, and the most is %d bytes", name, version, len(value), MaxValue)
	}
	if err := s.insert(&section{name: name, version: version, optional: optional, value: value}); err != nil {
		return fmt.Errorf("state %q: write: %w", name, err)
	}
	return nil
}

func (s *State) insert(sec *section) error {
	switch {
	case sec.name == "" || len(sec.name) > MaxName:
		return fmt.Errorf("name of %d bytes: want 1 to %d", len(sec.name), MaxName)
	case strings.ContainsFunc(sec.name, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("name %q: want printable ASCII without spaces", sec.name)
	case s.byName[sec.name] != nil:
		return errors.New("there are two of that name")
	case len(s.sections) == MaxSections:
		return fmt.Errorf("more than %d sections", MaxSections)
	}
	s.sections = append(s.sections, sec)
	s.byName[sec.name] = sec
	return nil
}

// In gives the sections of one keeper.
type In struct {
	state *State
	name  string
}

// In is where the section of that name is.
func (s *State) In(name string) In { return In{state: s, name: name} }

// At is where the sections of a part are.
func (i In) At(part string) In { return In{state: i.state, name: join(i.name, part)} }

// Has reports whether the section is there.
func (i In) Has() bool { return i.state.byName[i.name] != nil }

// Get reads the section into v, which is a pointer to what Put had, and returns
// its version. newest is the newest that the caller knows.
func (i In) Get(newest uint16, v any) (version uint16, err error) {
	sec := i.state.byName[i.name]
	switch {
	case sec == nil:
		return 0, fmt.Errorf("state %q: it is missing: %w", i.name, ErrBadState)
	case sec.version == 0 || sec.version > newest:
		return 0, fmt.Errorf("state %q: its version is %d, and this version of Hull knows 1 to %d: %w", i.name, sec.version, newest, ErrBadState)
	}
	if err := decode(sec.value, v); err != nil {
		return 0, fmt.Errorf("state %q: %w: %w", i.name, err, ErrBadState)
	}
	sec.taken = true
	return sec.version, nil
}

// Refuse is the error of a section whose value cannot have been saved.
func (i In) Refuse(format string, args ...any) error {
	return fmt.Errorf("state %q: %w: %w", i.name, fmt.Errorf(format, args...), ErrBadState)
}

// Unknown says which sections nobody has taken, of those that are not optional;
// nil for none.
func (s *State) Unknown() error {
	for _, sec := range s.sections {
		if !sec.taken && !sec.optional {
			return fmt.Errorf("state %q: this version of Hull, or this machine, does not know it: %w", sec.name, ErrBadState)
		}
	}
	return nil
}

// Section is what a state says of a section beside its value.
type Section struct {
	Name     string
	Version  uint16
	Optional bool // whoever does not know it can do without
}

// Sections are all sections, in the order of their names.
func (s *State) Sections() []Section {
	list := make([]Section, 0, len(s.sections))
	for _, sec := range s.sections {
		list = append(list, Section{Name: sec.name, Version: sec.version, Optional: sec.optional})
	}
	slices.SortFunc(list, func(a, b Section) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Names are the sections' names, in order.
func (s *State) Names() []string {
	names := make([]string, 0, len(s.sections))
	for _, sec := range s.sections {
		names = append(names, sec.name)
	}
	slices.Sort(names)
	return names
}

func join(name, part string) string {
	if name == "" {
		return part
	}
	return name + "/" + part
}
