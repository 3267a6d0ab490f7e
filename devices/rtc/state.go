package rtc

import "github.com/hullvm/hull/vmstate"

// stateVersion is the newest version of state.
const stateVersion = 1

// state has all of the CMOS memory: what firmware left there of the memory's
// size, the guest may have written over.
type state struct {
	INDEX uint8  `cbor:"1,keyasint"`
	A     uint8  `cbor:"2,keyasint"`
	B     uint8  `cbor:"3,keyasint"`
	C     uint8  `cbor:"4,keyasint"`
	RAM   []byte `cbor:"5,keyasint"` // by index, alarms included

	OffsetSec int64  `cbor:"6,keyasint"` // the guest's time less the host's
	OffsetNs  int64  `cbor:"7,keyasint"`
	Shift     uint8  `cbor:"8,keyasint"` // days by which the weekday is ahead of the date's
	Stopped   []byte `cbor:"9,keyasint"` // seconds to century, as they read while the time stands

	SeenSec int64 `cbor:"10,keyasint"` // the guest's time up to which C tells, since 1970
	SeenNs  int64 `cbor:"11,keyasint"`
}

// maxSeconds bounds the guest's time and its offset, at 34,000 years: what a
// guest can write in the registers is less than 26,000.
const maxSeconds = 1 << 40

// Save writes the registers, the CMOS memory and how far the guest's time is
// from the host's.
func (r *RTC) Save(out vmstate.Out) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.chip
	return out.Put(stateVersion, state{
		INDEX: c.index, A: c.a, B: c.b, C: c.c, RAM: c.ram[:],
		OffsetSec: c.offset.sec, OffsetNs: c.offset.ns,
		Shift: uint8(c.shift), Stopped: c.stopped.bytes(),
		SeenSec: c.seen.sec, SeenNs: c.seen.ns,
	})
}

// Load takes over what Save wrote. The clock shows the host's present time with
// the guest's offset; what fell due since Save is due at Resume, once.
func (r *RTC) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	if err := s.check(in); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.disarmLocked()
	r.paused = true
	c := &r.chip
	c.index, c.a, c.b, c.c = s.INDEX, s.A, s.B, s.C
	copy(c.ram[:], s.RAM)
	c.offset = moment{s.OffsetSec, s.OffsetNs}
	c.shift = int(s.Shift)
	c.stopped = parseReading(s.Stopped)
	c.seen = moment{s.SeenSec, s.SeenNs}
	r.level = c.interrupt()
	r.line.Restore(r.level)
	return nil
}

// check refuses bits that no guest can set, and times that cannot have been.
func (s *state) check(in vmstate.In) error {
	switch {
	case s.INDEX&^indexMask != 0:
		return in.Refuse("INDEX is %#x: there is no such register", s.INDEX)
	case s.A&aUIP != 0:
		return in.Refuse("register A is %#x: UIP is not kept", s.A)
	case s.B&bSET != 0 && s.B&bUIE != 0:
		return in.Refuse("register B is %#x: SET clears UIE", s.B)
	case s.C&^cFlags != 0:
		return in.Refuse("register C is %#x: there are no such flags", s.C)
	case len(s.RAM) != registerCount:
		return in.Refuse("%d bytes of CMOS memory: want %d", len(s.RAM), registerCount)
	case len(s.Stopped) != readingSize:
		return in.Refuse("%d time registers: want %d", len(s.Stopped), readingSize)
	case s.Shift > 6:
		return in.Refuse("the weekday is ahead by %d days", s.Shift)
	}
	for _, m := range []moment{{s.OffsetSec, s.OffsetNs}, {s.SeenSec, s.SeenNs}} {
		if m.sec < -maxSeconds || m.sec > maxSeconds || m.ns < 0 || m.ns >= 1e9 {
			return in.Refuse("a time is %d s and %d ns", m.sec, m.ns)
		}
	}
	return nil
}

// readingSize is the bytes of a reading.
const readingSize = 8

// bytes are the registers in the order of a reading's fields.
func (r reading) bytes() []byte {
	return []byte{r.seconds, r.minutes, r.hours, r.weekday, r.day, r.month, r.year, r.century}
}

// parseReading is the inverse of bytes, of which b has readingSize.
func parseReading(b []byte) reading {
	return reading{
		seconds: b[0], minutes: b[1], hours: b[2],
		weekday: b[3], day: b[4], month: b[5], year: b[6], century: b[7],
	}
}
