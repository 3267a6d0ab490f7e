package uart

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of state.
const stateVersion = 1

// state has no output: what the guest has handed over goes out from where it was
// saved. It has no time either: the character timeout begins anew.
type state struct {
	IER uint8 `cbor:"1,keyasint"`
	FCR uint8 `cbor:"2,keyasint"` // the enable and trigger bits
	LCR uint8 `cbor:"3,keyasint"`
	MCR uint8 `cbor:"4,keyasint"`
	SCR uint8 `cbor:"5,keyasint"`
	DLL uint8 `cbor:"6,keyasint"`
	DLM uint8 `cbor:"7,keyasint"`
	LSR uint8 `cbor:"8,keyasint"` // OE and THRE; the others follow from the rest
	MSR uint8 `cbor:"9,keyasint"`

	Received   []byte `cbor:"10,keyasint"` // and not read by the guest, the oldest first
	Last       uint8  `cbor:"11,keyasint"` // what RBR reads as when nothing is left
	THRPending bool   `cbor:"12,keyasint"` // THRE became set and IIR has not told of it
	TimedOut   bool   `cbor:"13,keyasint"` // the character timeout has passed
}

// Save writes the registers, what was received, and which interrupts wait. Input
// that the guest has not taken is still its writer's.
func (u *UART) Save(out vmstate.Out) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := &u.chip
	s := state{
		IER: c.ier, FCR: c.fcr, LCR: c.lcr, MCR: c.mcr, SCR: c.scr,
		DLL: c.dll, DLM: c.dlm, LSR: c.lsr, MSR: c.msr,
		Received: []byte{}, Last: c.rx.before(),
		THRPending: c.thrPending, TimedOut: c.timedOut,
	}
	for i := range c.rx.n {
		s.Received = append(s.Received, c.rx.bytes[(c.rx.first+i)%fifoSize])
	}
	return out.Put(stateVersion, s)
}

// Load takes over what Save wrote. Where the guest was waiting for room in the
// output, Resume says that there is some.
func (u *UART) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	if err := s.check(in); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.disarmLocked()
	u.paused = true
	c := chip{
		ier: s.IER, fcr: s.FCR, lcr: s.LCR, mcr: s.MCR, scr: s.SCR,
		dll: s.DLL, dlm: s.DLM, lsr: s.LSR, msr: s.MSR,
		thrPending: s.THRPending, timedOut: s.TimedOut,
		rxMoved: true,
	}
	// The byte before the first stands at the end, where a full FIFO's last is.
	c.rx.bytes[fifoSize-1] = s.Last
	c.rx.n = copy(c.rx.bytes[:], s.Received)
	u.chip = c
	u.level = c.interrupt()
	u.line.Restore(u.level)
	return nil
}

// check refuses bits that no guest can set, and interrupts without a cause.
func (s *state) check(in vmstate.In) error {
	c := chip{fcr: s.FCR, mcr: s.MCR}
	switch {
	case s.IER&^ierMask != 0:
		return in.Refuse("IER is %#x: there are no such interrupts", s.IER)
	case s.FCR&^(fcrEnable|fcrTrigger) != 0 || s.FCR&fcrEnable == 0 && s.FCR != 0:
		return in.Refuse("FCR is %#x: it cannot be", s.FCR)
	case s.MCR&^mcrMask != 0:
		return in.Refuse("MCR is %#x: it cannot be", s.MCR)
	case s.LSR&^(lsrOE|lsrTHRE) != 0:
		return in.Refuse("LSR is %#x: only OE and THRE are kept", s.LSR)
	case s.MSR&^msrDeltas != c.modemLines():
		return in.Refuse("MSR is %#x: with an MCR of %#x its lines are %#x", s.MSR, s.MCR, c.modemLines())
	case len(s.Received) > c.depth():
		return in.Refuse("%d bytes are received: the most is %d", len(s.Received), c.depth())
	case s.THRPending && s.LSR&lsrTHRE == 0:
		return in.Refuse("an interrupt tells of THRE, which is not set")
	case s.TimedOut && (len(s.Received) == 0 || s.FCR&fcrEnable == 0):
		return in.Refuse("a character timeout without characters")
	}
	return nil
}
