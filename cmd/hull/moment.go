package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// momentLayouts are the forms of a date and time; those without a zone are local.
var momentLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02T15:04Z07:00", "2006-01-02",
}

// parseMoment reads a moment: how long before now (10m, 1h30m), a date and time
// (RFC 3339, or less of it), or seconds since 1970, with a fraction or without.
// Nothing is the zero time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, ok := parseUnix(text); ok {
		return t, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range momentLayouts {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no moment; write how long ago it was (10m), a date and time (2026-01-02T15:04:05Z), or seconds since 1970", text)
}

// lastUnix is the last second of the year 9999, which is the last that RFC 3339
// can write.
const lastUnix = 253402300799

func parseUnix(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || seconds > lastUnix || len(fraction) > 9 || strings.HasSuffix(text, ".") {
		return time.Time{}, false
	}
	nanoseconds, err := strconv.ParseUint(fraction+strings.Repeat("0", 9-len(fraction)), 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), int64(nanoseconds)), true
}

// timeoutFlag is a length of time in seconds, or with a unit. A negative one is
// for ever; unset it is nil.
type timeoutFlag struct{ value *time.Duration }

func (f *timeoutFlag) Set(text string) error {
	d, err := parseTimeout(text)
	if err != nil {
		return err
	}
	f.value = &d
	return nil
}

func (f *timeoutFlag) String() string {
	if f.value == nil {
		return ""
	}
	return f.value.String()
}

func (f *timeoutFlag) Type() string { return "seconds" }

// parseTimeout reads seconds, or a length of time as Go writes it.
func parseTimeout(text string) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 {
			return -1, nil
		}
		if n > math.MaxInt64/int64(time.Second) {
			return 0, fmt.Errorf("%s seconds are too many; -1 is for ever", text)
		}
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no length of time; write seconds (10), or a number with a unit (1m30s)", text)
	}
	if d < 0 {
		return -1, nil
	}
	return d, nil
}
