package rtc

import "testing"

func TestShowAndParseAreInverse(t *testing.T) {
	for _, m := range []mode{0, bDM, b24, bDM | b24} {
		for second := int64(-62_135_596_800); second < 253_402_300_799; second += 86400*97 + 3607 {
			for shift := range 7 {
				r := m.show(second, shift)
				if got, s := m.parse(r); got != second || s != shift {
					t.Fatalf("mode %#x: %d shifted by %d shows %+v, which is %d shifted by %d", m, second, shift, r, got, s)
				}
			}
		}
	}
}

// slowNext tries one second after the other.
func slowNext(a alarm, m mode, from int64) (int64, bool) {
	for second := from; second < from+secondsPerDay; second++ {
		r := m.show(second, 0)
		if (a.seconds >= alarmAny || a.seconds == r.seconds) &&
			(a.minutes >= alarmAny || a.minutes == r.minutes) &&
			(a.hours >= alarmAny || a.hours == r.hours) {
			return second, true
		}
	}
	return 0, false
}

func FuzzAlarm(f *testing.F) {
	f.Add(int64(1_700_000_000), byte(0xff), byte(0x30), byte(0x00), byte(b24))
	f.Add(int64(-5), byte(0x92), byte(0x59), byte(0x59), byte(0))
	f.Add(int64(86399), byte(0), byte(0xc0), byte(61), byte(bDM|b24))
	f.Add(int64(1_700_000_000), byte(0xff), byte(0xff), byte(0x60), byte(b24))
	f.Fuzz(func(t *testing.T, from int64, hours, minutes, seconds, b byte) {
		from %= 1 << 40 // some 35,000 years: guests cannot set more
		a, m := alarm{hours: hours, minutes: minutes, seconds: seconds}, mode(b&(bDM|b24))
		got, ok := a.next(m, from)
		want, found := slowNext(a, m, from)
		if got != want || ok != found {
			t.Fatalf("%+v in mode %#x from %d: %d, %v, want %d, %v", a, m, from, got, ok, want, found)
		}
	})
}
