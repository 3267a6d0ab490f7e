package gueststatus

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of state.
const stateVersion = 1

type state struct {
	STATUS   uint32  `cbor:"1,keyasint"`           // the bytes written last
	Reported *uint32 `cbor:"2,keyasint,omitempty"` // the last report; absent for none
}

// Save writes the register and the last report.
func (s *Status) Save(out vmstate.Out) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return out.Put(stateVersion, state{STATUS: s.chip.status, Reported: s.last})
}

// Load takes both over. A report is told again: the guest makes it once, and who
// is told now has not heard it.
func (s *Status) Load(in vmstate.In) error {
	var saved state
	if _, err := in.Get(stateVersion, &saved); err != nil {
		return err
	}
	s.mu.Lock()
	s.chip.status, s.last = saved.STATUS, saved.Reported
	s.mu.Unlock()
	if saved.Reported != nil {
		s.reported(*saved.Reported)
	}
	return nil
}
