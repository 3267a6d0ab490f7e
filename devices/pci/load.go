package pci

import (
	"github.com/hullvm/hull/vmstate"
)

// Load takes over the root complex and its functions, which must be those that
// were saved. BARs are mapped where they were, vectors get their messages, and
// keep what they had kept. What is behind the functions is not its business, and
// is loaded afterwards.
func (r *RootComplex) Load(in vmstate.In) error {
	var s rootState
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	if s.Address&^addrWritable != 0 {
		return in.Refuse("CONFIG_ADDRESS is %#x", s.Address)
	}
	var all []*loading
	for i := range r.functions {
		f := r.functions[i].Load()
		if f == nil {
			continue
		}
		l, err := f.check(in.At(section(i)))
		if err != nil {
			return f.errorf("load: %w", err)
		}
		all = append(all, l)
	}
	if err := disjoint(in, all); err != nil {
		return err
	}
	r.address.Store(s.Address)
	for _, l := range all {
		l.take()
	}
	// Those that had a place get it before those that had none, which may want
	// the same.
	for _, later := range []bool{true, false} {
		for _, l := range all {
			l.place(later)
		}
	}
	for _, l := range all {
		l.ready()
	}
	return nil
}

// loading is a function with a state that was found good for it.
type loading struct {
	f     *Function
	state functionState
	space space
	msix  msixState
	moved bool // Bus Master Enable is not what it was here
}

// check reads a function's state. An error says what is wrong with it.
func (f *Function) check(in vmstate.In) (*loading, error) {
	l := &loading{f: f}
	if _, err := in.Get(stateVersion, &l.state); err != nil {
		return nil, err
	}
	if err := l.checkSpace(in); err != nil {
		return nil, err
	}
	if err := l.checkBARs(in); err != nil {
		return nil, err
	}
	if f.msix == nil {
		return l, nil
	}
	in = in.At("msix")
	if _, err := in.Get(stateVersion, &l.msix); err != nil {
		return nil, err
	}
	return l, f.msix.check(in, &l.msix)
}

// checkSpace takes the guest's bits of configuration space. All others must be
// what they are here: they say what the function is and has.
func (l *loading) checkSpace(in vmstate.In) error {
	s := &l.state
	if len(s.Value) != legacySize || len(s.Writable) != legacySize {
		return in.Refuse("configuration space of %d and %d bytes: want %d", len(s.Value), len(s.Writable), legacySize)
	}
	l.f.mu.Lock()
	l.space = l.f.space
	l.f.mu.Unlock()
	l.space.set(regStatus, statusInterrupt, false)
	for i := range legacySize {
		mine, theirs, writable := l.space.value[i], s.Value[i], l.space.writable[i]
		if writable != s.Writable[i] {
			return in.Refuse("%s at %#x: the guest could change bits %#02x, here %#02x", partOf(i), i, s.Writable[i], writable)
		}
		if (mine^theirs)&^writable != 0 {
			return in.Refuse("%s at %#x was %#02x, and is %#02x here", partOf(i), i, theirs, mine)
		}
		l.space.value[i] = theirs
	}
	return nil
}

// partOf names what lies at an offset of configuration space.
func partOf(at int) string {
	switch {
	case at >= regCommand && at < regRevisionID:
		return "command and status"
	case at >= regBAR0 && at < regBAR0+4*barCount:
		return "kind or size of a BAR"
	case at == regCapabilities, at >= firstCapability:
		return "capability"
	default:
		return "identity"
	}
}

// checkBARs holds the places of BARs against what the root complex leads to.
func (l *loading) checkBARs(in vmstate.In) error {
	known := uint8(0)
	for _, b := range l.f.bars {
		known |= 1 << b.Index
		base, wanted := b.wanted(&l.space)
		switch nowhere := l.nowhere(b); {
		case nowhere && !wanted:
			return in.Refuse("BAR %d has no place, and wants none", b.Index)
		case wanted && !nowhere && !l.f.root.decodes(base, b.Size):
			return in.Refuse("BAR %d was at %#x: it cannot be there in this machine", b.Index, base)
		}
	}
	if l.state.Nowhere&^known != 0 {
		return in.Refuse("BARs %#b have no place: there are %#b", l.state.Nowhere, known)
	}
	return nil
}

// nowhere reports whether the BAR had no place.
func (l *loading) nowhere(b *bar) bool { return l.state.Nowhere&(1<<b.Index) != 0 }

// disjoint refuses BARs that were in each other's place.
func disjoint(in vmstate.In, all []*loading) error {
	type taken struct {
		f *Function
		Window
	}
	var places []taken
	for _, l := range all {
		for _, b := range l.f.bars {
			base, wanted := b.wanted(&l.space)
			if !wanted || l.nowhere(b) {
				continue
			}
			for _, p := range places {
				if base < p.Base+p.Size && p.Base < base+b.Size {
					return in.Refuse("BARs of functions %q and %q were at %#x at once", p.f.name, l.f.name, base)
				}
			}
			places = append(places, taken{l.f, Window{Base: base, Size: b.Size}})
		}
	}
	return nil
}

// take makes the function's registers what they were.
func (l *loading) take() {
	f := l.f
	f.mu.Lock()
	l.moved = (f.space.get16(regCommand)^l.space.get16(regCommand))&cmdBusMaster != 0
	f.space.value = l.space.value
	f.asserted = l.state.Asserted
	var status bool
	status, f.level = f.wantedLevelsLocked()
	f.space.set(regStatus, statusInterrupt, status)
	f.line.Restore(f.level)
	f.mu.Unlock()
	if f.msix != nil {
		f.msix.take(&l.msix)
	}
}

// place maps the function's BARs, without those that had no place for a first.
func (l *loading) place(without bool) {
	f := l.f
	f.mapping.Lock()
	for _, b := range f.bars {
		b.later = without && l.nowhere(b)
	}
	f.mapping.Unlock()
	f.place()
}

// ready says what the guest's writes would have said.
func (l *loading) ready() {
	if l.moved && l.f.masterMoved != nil {
		l.f.masterMoved()
	}
}
