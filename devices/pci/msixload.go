package pci

import "github.com/hullvm/hull/vmstate"

// check says what is wrong with the state of message interrupts.
func (m *MSIX) check(in vmstate.In, s *msixState) error {
	n := len(m.vectors)
	if len(s.Table) != n*msixEntrySize || len(s.Pending) != pbaSize(n) {
		return in.Refuse("tables of %d and %d bytes: want those of %d vectors", len(s.Table), len(s.Pending), n)
	}
	for i := range n {
		control := s.Table[i*msixEntrySize:][entryControl:msixEntrySize]
		if control[0]&^entryMasked|control[1]|control[2]|control[3] != 0 {
			return in.Refuse("entry %d: vector control is %x", i, control)
		}
	}
	for i := n; i < 8*len(s.Pending); i++ {
		if s.pending(i) {
			return in.Refuse("vector %d is pending: there are %d", i, n)
		}
	}
	return nil
}

func (s *msixState) pending(i int) bool { return s.Pending[i/8]&(1<<(i%8)) != 0 }

// take makes table and vectors what they were. Message Control is the function's.
// A vector starts masked: what it had kept is raised before that ends.
func (m *MSIX) take(s *msixState) {
	m.mu.Lock()
	for i := range m.entries {
		copy(m.entries[i].raw[:], s.Table[i*msixEntrySize:])
		if s.pending(i) && !m.closed {
			m.vectors[i].Raise()
		}
	}
	m.mu.Unlock()
	m.settleAll()
}
