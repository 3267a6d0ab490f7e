package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of texts, in bytes.
const (
	maxText   = 16 << 10 // one for people
	maxReason = 2 << 10  // one of several
	maxShort  = 1 << 10  // one in a small message
	maxLabel  = 64
	maxPath   = 4 << 10
)

const ellipsis = "…"

// CleanText is s as it may be shown: lines are joined by "; ", other characters that a
// terminal would obey are written out, what is no UTF-8 is replaced, and what is longer
// than most bytes is cut.
func CleanText(s string, most int) string {
	var b strings.Builder
	for _, c := range strings.TrimSpace(s) {
		switch {
		case c == '\n':
			b.WriteString("; ")
		case c == '\t':
			b.WriteByte(' ')
		case c == '\r':
		case obeyed(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
		if b.Len() > most {
			break
		}
	}
	clean := b.String()
	if len(clean) <= most {
		return clean
	}
	end := max(0, most-len(ellipsis))
	for end > 0 && !utf8.RuneStart(clean[end]) {
		end--
	}
	return clean[:end] + ellipsis
}

// obeyed reports whether a terminal acts on c, or puts what follows elsewhere. The set is
// fixed here, so that two releases do not differ about it.
func obeyed(c rune) bool {
	switch {
	case c < 0x20, 0x7f <= c && c < 0xa0: // C0, DEL, C1
		return true
	case c == 0x61c, 0x200e <= c && c <= 0x200f, 0x202a <= c && c <= 0x202e, 0x2066 <= c && c <= 0x2069: // directions
		return true
	case c == 0x2028, c == 0x2029: // ends of line and paragraph
		return true
	}
	return false
}

// checkText refuses what CleanText would change, and no text at all.
func checkText(what, s string, most int) error {
	switch {
	case s == "" || len(s) > most:
		return fmt.Errorf("%s: %d bytes, want 1 to %d", what, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: it is not UTF-8", what)
	case strings.ContainsFunc(s, obeyed):
		return fmt.Errorf("%s %.100q: it has control characters", what, s)
	}
	return nil
}

// checkLabel refuses what is no short name: 1 to 64 printable ASCII characters without
// blanks.
func checkLabel(what, s string) error {
	if s == "" || len(s) > maxLabel {
		return fmt.Errorf("%s: %d bytes, want 1 to %d", what, len(s), maxLabel)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return fmt.Errorf("%s %q: want printable ASCII without blanks", what, s)
		}
	}
	return nil
}

// checkSession refuses none.
func checkSession(s Session) error {
	if s.IsZero() {
		return errors.New("no session")
	}
	return nil
}

// orNone is s, or words for none where a text has to be there.
func orNone(s string) string {
	if s == "" {
		return "no reason was given"
	}
	return s
}

// firstOf is the first error, so that what is wrong with a message is one line.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
