package vsock

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of state.
const stateVersion = 1

// maxUnanswered is the most Unanswered that are kept. The guest gives up waiting
// for the others by itself.
const maxUnanswered = 1 << 16

// state is what is saved of a device. Connections are not: their hosts are not
// where the state is loaded. Nor is the CID, of which each machine has its own.
type state struct {
	Driver *driverState `cbor:"1,keyasint,omitempty"` // nil while there is none
}

// driverState is what a driver waits for. That it is to be told of a transport
// reset goes without saying.
type driverState struct {
	// Told says that the driver was told of a reset before, and has not given the
	// buffer back. There are Given when it has.
	Told  bool  `cbor:"1,keyasint"`
	Given uint8 `cbor:"2,keyasint"`

	// Unanswered are the connections that the guest asked for and was given no
	// answer, in order. A reset is not for them: they are refused.
	Unanswered []connection `cbor:"3,keyasint"`
}

// connection is one by its ports.
type connection struct {
	_     struct{} `cbor:",toarray"`
	Host  uint32
	Guest uint32
}

func (c connection) compare(d connection) int {
	return cmp.Or(cmp.Compare(c.Host, d.Host), cmp.Compare(c.Guest, d.Guest))
}

var (
	errRunning = errors.New("vsock: save: it is not paused")
	errInUse   = errors.New("vsock: load: there is a driver already")
)

// Save writes the state down, while there is no driver or the device is paused.
// Connections go on afterwards.
func (d *Device) Save(out vmstate.Out) error {
	d.mu.Lock()
	s, loaded := d.session, d.loaded
	d.mu.Unlock()
	all := state{Driver: loaded}
	var err error
	if s != nil {
		s.call(func() { all.Driver, err = s.save() })
	}
	if err != nil {
		return err
	}
	return out.Put(stateVersion, all)
}

func (s *session) save() (*driverState, error) {
	if s.running() {
		return nil, errRunning
	}
	d := &driverState{Told: s.held, Unanswered: []connection{}}
	if s.held {
		d.Given = uint8(s.given)
	}
	for _, h := range s.resets {
		d.Unanswered = append(d.Unanswered, connection{Host: h.srcPort, Guest: h.dstPort})
	}
	for k, st := range s.table {
		if st.phase == dialing || st.phase == dead || st.owes&owesResponse != 0 {
			d.Unanswered = append(d.Unanswered, connection{Host: k.host, Guest: k.guest})
		}
	}
	slices.SortFunc(d.Unanswered, connection.compare)
	d.Unanswered = slices.Compact(d.Unanswered)
	d.Unanswered = d.Unanswered[:min(len(d.Unanswered), maxUnanswered)]
	return d, nil
}

// Load makes the device tell the driver that was saved of a transport reset, as
// Reset does: the guest ends its connections, and reads its CID anew, which may be
// another one than it was. The device has no driver, and had none before.
func (d *Device) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != nil {
		return errInUse
	}
	if s.Driver != nil {
		if err := s.Driver.check(); err != nil {
			return in.Refuse("%w", err)
		}
	}
	d.loaded = s.Driver
	return nil
}

func (d *driverState) check() error {
	switch {
	case d.Told != (d.Given > 0) || d.Given > eventQueueSize:
		return fmt.Errorf("%d event buffers, and the driver was told of a reset: %v", d.Given, d.Told)
	case len(d.Unanswered) > maxUnanswered:
		return fmt.Errorf("%d connections without an answer: want up to %d", len(d.Unanswered), maxUnanswered)
	}
	for i := 1; i < len(d.Unanswered); i++ {
		if d.Unanswered[i-1].compare(d.Unanswered[i]) >= 0 {
			return errors.New("connections that are not in order")
		}
	}
	return nil
}

// load begins a session with the driver that was loaded.
func (s *session) load(d *driverState) {
	s.resetDue = true
	if s.event != nil { // without one nothing is told, and nothing held
		s.held, s.given = d.Told, int(d.Given)
	}
	for _, c := range d.Unanswered {
		s.resets = append(s.resets, header{
			srcCID: HostCID, dstCID: s.device.config.CID, srcPort: c.Host, dstPort: c.Guest, typ: typeStream, op: opRst,
		})
	}
}
