package httpapi

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Moment is a point in time: RFC 3339, or seconds since 1970 with decimals or
// without.
type Moment struct{ time.Time }

// UnmarshalText takes both forms.
func (m *Moment) UnmarshalText(text []byte) error {
	s := string(text)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		m.Time = t
		return nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	digits := fraction + strings.Repeat("0", max(0, 9-len(fraction)))
	nanos, err2 := strconv.ParseUint(digits[:9], 10, 32)
	const most = 1 << 36 // seconds: within the years that RFC 3339 can write
	if err != nil || err2 != nil || len(fraction) > 9 || seconds < 0 || seconds > most {
		return fmt.Errorf("%.40q is no time; write it as 2006-01-02T15:04:05Z, or as seconds since 1970", s)
	}
	m.Time = time.Unix(seconds, int64(nanos)).UTC()
	return nil
}

// MarshalText writes RFC 3339.
func (m Moment) MarshalText() ([]byte, error) { return m.Time.MarshalText() }

// Duration is a time as Go writes it: "1m30s".
type Duration time.Duration

// UnmarshalText takes what time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%.40q is no duration; write it as 10s or 1m30s", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes d as UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// orZero is a duration that may be missing.
func (d *Duration) orZero() time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

// Signal is a signal: its name, with SIG before it or without, or its number.
type Signal syscall.Signal

// maxSignal is the last of the signals of signal(7).
const maxSignal = 64

// UnmarshalText takes all forms.
func (s *Signal) UnmarshalText(text []byte) error {
	name := strings.ToUpper(string(text))
	if n, err := strconv.ParseUint(name, 10, 8); err == nil && n >= 1 && n <= maxSignal {
		*s = Signal(n)
		return nil
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	n := unix.SignalNum(name)
	if n == 0 {
		return fmt.Errorf("%.40q is no signal; write it as SIGTERM, TERM or 15", text)
	}
	*s = Signal(n)
	return nil
}

// MarshalText writes the name, or the number of a signal without one.
func (s Signal) MarshalText() ([]byte, error) {
	if name := unix.SignalName(syscall.Signal(s)); name != "" {
		return []byte(name), nil
	}
	return strconv.AppendInt(nil, int64(s), 10), nil
}

var (
	_ encoding.TextUnmarshaler = (*Moment)(nil)
	_ encoding.TextUnmarshaler = (*Duration)(nil)
	_ encoding.TextUnmarshaler = (*Signal)(nil)
)
