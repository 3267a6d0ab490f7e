package main

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestParseMoment(t *testing.T) {
	at := func(text string) time.Time {
		m, err := time.ParseInLocation("2006-01-02 15:04:05.999999999", text, time.Local)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for text, want := range map[string]time.Time{
		"":                               {},
		"0s":                             testNow,
		"10m":                            before(10 * time.Minute),
		"1h30m":                          before(90 * time.Minute),
		"-5m":                            testNow.Add(5 * time.Minute),
		"0":                              time.Unix(0, 0),
		"1700000000":                     time.Unix(1_700_000_000, 0),
		"1700000000.25":                  time.Unix(1_700_000_000, 250_000_000),
		"1700000000.000000001":           time.Unix(1_700_000_000, 1),
		"2026-01-02T03:04:05Z":           time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02T03:04:05.5+01:00":    time.Date(2026, 1, 2, 2, 4, 5, 500_000_000, time.UTC),
		"2026-01-02T03:04Z":              time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
		"2026-01-02T03:04:05":            at("2026-01-02 03:04:05"),
		"2026-01-02T03:04:05.123":        at("2026-01-02 03:04:05.123"),
		"2026-01-02T03:04":               at("2026-01-02 03:04:00"),
		"2026-01-02":                     at("2026-01-02 00:00:00"),
		"2026-01-02T03:04:05.000000006Z": time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	} {
		if got, err := parseMoment(text, testNow); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"x", "1.", ".5", "1.0000000001", "999999999999999", "2026-13-01", "2026-01-02T25:00:00Z", "10", " 1m"} {
		if text == "10" {
			continue // seconds since 1970
		}
		if got, err := parseMoment(text, testNow); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

func FuzzParseMoment(f *testing.F) {
	for _, s := range []string{"", "10m", "-1h", "1700000000.5", "2026-01-02T03:04:05Z", "2026-01-02", "1.", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMoment(text, testNow)
		if err != nil && !m.IsZero() {
			t.Errorf("%q: %v with %v", text, m, err)
		}
	})
}

func FuzzParseTimeout(f *testing.F) {
	for _, s := range []string{"10", "-1", "1m30s", "9223372036854775807", "-9223372036854775808", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseTimeout(text); err == nil && d < -1 {
			t.Errorf("%q: %v", text, d)
		}
	})
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"status=running", "label=a=b", "=", "x", " Name = y ", "a="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, value, err := parseFilter(text)
		if err != nil {
			return
		}
		again, same, err := parseFilter(name + "=" + value)
		if err != nil || again != name || same != value {
			t.Errorf("%q: %q=%q, and once more %q=%q, %v", text, name, value, again, same, err)
		}
	})
}

func FuzzParsePlace(f *testing.F) {
	for _, s := range []string{"web:/etc", "web:etc/.", "./a:b", "/a:b", "a", ":", "web:", "-", "a:b:c", ".."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlace(text)
		switch {
		case err != nil:
		case p.ref == "" && p.path != text:
			t.Errorf("%q: %+v", text, p)
		case p.ref != "" && (!strings.HasPrefix(p.path, "/") || strings.ContainsRune(p.ref, ':')):
			t.Errorf("%q: %+v", text, p)
		}
	})
}

func FuzzParseEnvFile(f *testing.F) {
	for _, s := range []string{"A=1\n#x\n\nB=2", "A", "\ufeffA=b\r\n", "A B=c", "=x", "\x00=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		env, err := parseEnvFile(strings.NewReader(text), func(string) string { return "v" })
		if err != nil {
			return
		}
		for _, v := range env {
			if name, _, found := strings.Cut(v, "="); !found || name == "" || strings.ContainsRune(v, 0) || strings.ContainsRune(v, '\n') {
				t.Errorf("%q: variable %q", text, v)
			}
		}
	})
}

func TestParseEnvFile(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"HOME": "/root"}[name] }
	got, err := parseEnvFile(strings.NewReader("\ufeffA=1\n\n  # no\n  B=two words \nHOME\nNONE\nC=\"q\"\nD=\n"), getenv)
	if diff := cmp.Diff([]string{"A=1", "B=two words ", "HOME=/root", `C="q"`, "D="}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"A=1\nx y=2\n":                         `line 2: "x y=2" is no environment variable; write it as NAME=value`,
		"=1":                                   `line 1: "=1" is no environment variable; write it as NAME=value`,
		"A=\xff":                               `line 1 is not UTF-8`,
		"A=" + strings.Repeat("x", maxEnvFile): "it is longer than 1048576 bytes",
	} {
		if _, err := parseEnvFile(strings.NewReader(text), getenv); err == nil || err.Error() != want {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain \x1b[2J \xff \u202e é")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range printable(text) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q: %q", text, r)
			}
		}
	})
}
