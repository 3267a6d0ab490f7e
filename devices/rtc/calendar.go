package rtc

import "time"

const secondsPerDay = 24 * 60 * 60

// reading is the time registers as they read, in the mode of register B.
type reading struct {
	seconds, minutes, hours            byte
	weekday, day, month, year, century byte
}

// field is the place of a time register in a reading, nil for other registers.
func (r *reading) field(reg byte) *byte {
	switch reg {
	case regSeconds:
		return &r.seconds
	case regMinutes:
		return &r.minutes
	case regHours:
		return &r.hours
	case regWeekday:
		return &r.weekday
	case regDay:
		return &r.day
	case regMonth:
		return &r.month
	case regYear:
		return &r.year
	case regCentury:
		return &r.century
	default:
		return nil
	}
}

// mode is how numbers are written in the time registers: the DM and 24/12 bits
// of register B.
type mode byte

// show is the reading at a second since 1970, with the weekday moved on by
// shift days.
func (m mode) show(second int64, shift int) reading {
	t := time.Unix(second, 0).UTC()
	return reading{
		seconds: m.number(t.Second()),
		minutes: m.number(t.Minute()),
		hours:   m.hour(t.Hour()),
		weekday: m.number((int(t.Weekday())+shift)%7 + 1),
		day:     m.number(t.Day()),
		month:   m.number(int(t.Month())),
		year:    m.number((t.Year()%100 + 100) % 100), // a guest can set the clock to before the year 0
		century: m.number(t.Year() / 100 % 100),
	}
}

// parse is the inverse of show. A guest may write any bytes: what is no date
// counts on into the next month or year, as 32 January is 1 February.
func (m mode) parse(r reading) (second int64, shift int) {
	t := time.Date(100*m.value(r.century)+m.value(r.year), time.Month(m.value(r.month)), m.value(r.day),
		m.hourValue(r.hours), m.value(r.minutes), m.value(r.seconds), 0, time.UTC)
	shift = (m.value(r.weekday) - 1 - int(t.Weekday())) % 7
	return t.Unix(), (shift + 7) % 7
}

// number writes v, which is from 0 to 99.
func (m mode) number(v int) byte {
	if m&bDM != 0 {
		return byte(v)
	}
	return byte(v/10<<4 | v%10)
}

func (m mode) value(b byte) int {
	if m&bDM != 0 {
		return int(b)
	}
	return int(b>>4)*10 + int(b&0x0f)
}

// hour writes an hour from 0 to 23. Midnight and noon are 12 in 12-hour mode.
func (m mode) hour(h int) byte {
	if m&b24 != 0 {
		return m.number(h)
	}
	b := m.number((h+11)%12 + 1)
	if h >= 12 {
		b |= hoursPM
	}
	return b
}

func (m mode) hourValue(b byte) int {
	if m&b24 != 0 {
		return m.value(b)
	}
	h := m.value(b&^hoursPM) % 12
	if b&hoursPM != 0 {
		h += 12
	}
	return h
}

// alarm is the three alarm registers.
type alarm struct{ seconds, minutes, hours byte }

// next is the first second from the given one on at which the alarm goes off;
// ok is false where it never does. A register matches the time's when they
// read the same.
func (a alarm) next(m mode, from int64) (second int64, ok bool) {
	var hours [24]bool
	var minutes, seconds [60]bool
	if !matching(hours[:], a.hours, m.hour) || !matching(minutes[:], a.minutes, m.number) || !matching(seconds[:], a.seconds, m.number) {
		return 0, false
	}
	day := from - (from%secondsPerDay+secondsPerDay)%secondsPerDay
	for ; ; day += secondsPerDay {
		if at, ok := firstMatch(&hours, &minutes, &seconds, int(max(0, from-day))); ok {
			return day + int64(at), true
		}
	}
}

// firstMatch is the first matching second of a day, not before from.
func firstMatch(hours *[24]bool, minutes, seconds *[60]bool, from int) (int, bool) {
	for h := from / 3600; h < 24; h++ {
		if !hours[h] {
			continue
		}
		for m := range minutes {
			if !minutes[m] || h*3600+m*60+59 < from {
				continue
			}
			for s := range seconds {
				if at := h*3600 + m*60 + s; seconds[s] && at >= from {
					return at, true
				}
			}
		}
	}
	return 0, false
}

// matching marks the values whose form is b, and reports whether there is one.
func matching(values []bool, b byte, form func(int) byte) bool {
	found := false
	for v := range values {
		values[v] = b >= alarmAny || form(v) == b
		found = found || values[v]
	}
	return found
}
