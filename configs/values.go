package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Model is the processor a guest sees.
type Model string

// The models there are. The levels are those of the x86-64 psABI.
const (
	ModelHost Model = "host"
	ModelV2   Model = "x86-64-v2"
	ModelV3   Model = "x86-64-v3"
)

// Backing is what holds the guest's RAM on the host.
type Backing string

// The backings there are.
const (
	Anonymous Backing = "anonymous"
	Memfd     Backing = "memfd"
)

// Protocol is how a kernel is entered.
type Protocol string

// The boot protocols there are.
const (
	ProtocolAuto    Protocol = "auto"
	ProtocolBZImage Protocol = "bzimage"
	ProtocolELF     Protocol = "elf"
	ProtocolPVH     Protocol = "pvh"
)

// SerialOutput is where the serial console's output goes.
type SerialOutput string

// The outputs there are.
const (
	SerialTerminal SerialOutput = "terminal"
	SerialFile     SerialOutput = "file"
	SerialNone     SerialOutput = "none"
)

// Action is what happens when a guest resets or crashes.
type Action string

// The actions there are.
const (
	End     Action = "end"
	Restart Action = "restart"
)

// HugePages is the size in bytes of the huge pages that back RAM; 0 is none.
type HugePages uint64

// The sizes x86-64 has.
const (
	HugePagesOff  HugePages = 0
	HugePages2MiB HugePages = 2 << 20
	HugePages1GiB HugePages = 1 << 30
)

// Size is an amount of memory in bytes, written as a whole number with a unit:
// 512MiB, 4GiB. K, M, G and T alone mean the same as KiB to TiB.
type Size uint64

// Duration is a length of time, written as Go does: 30s, 1m30s, 500ms.
type Duration time.Duration

// Duration returns d as the standard library's type.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

// Mode is the permission bits of a file, written as three or four octal digits.
// Zero is 0644, so a file that nobody may touch is not to be had.
type Mode uint32

// ruleError is a value that breaks its type's rule.
type ruleError struct {
	rule   string // what a value has to be: completes "must be ..."
	remedy string // what to do, in the imperative
}

func (e *ruleError) Error() string { return "must be " + e.rule + "; " + e.remedy }

// The words of each enumeration, the default first.
var (
	modelWords     = []string{string(ModelHost), string(ModelV2), string(ModelV3)}
	backingWords   = []string{string(Anonymous), string(Memfd)}
	protocolWords  = []string{string(ProtocolAuto), string(ProtocolBZImage), string(ProtocolELF), string(ProtocolPVH)}
	outputWords    = []string{string(SerialTerminal), string(SerialFile), string(SerialNone)}
	actionWords    = []string{string(End), string(Restart)}
	hugePagesWords = []string{"off", "2MiB", "1GiB"}
)

func parseWord[T ~string](into *T, text []byte, words []string) error {
	s := string(text)
	if !slices.Contains(words, s) {
		return wrongWord(s, words)
	}
	*into = T(s)
	return nil
}

func wrongWord(got string, words []string) error {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	e := &ruleError{rule: orList(quoted), remedy: "take one of these"}
	if near, ok := nearest(got, words); ok {
		e.remedy = fmt.Sprintf("did you mean %q?", near)
	}
	return e
}

// UnmarshalText takes one of the models' words.
func (m *Model) UnmarshalText(text []byte) error { return parseWord(m, text, modelWords) }

// UnmarshalText takes one of the backings' words.
func (b *Backing) UnmarshalText(text []byte) error { return parseWord(b, text, backingWords) }

// UnmarshalText takes one of the protocols' words.
func (p *Protocol) UnmarshalText(text []byte) error { return parseWord(p, text, protocolWords) }

// UnmarshalText takes one of the outputs' words.
func (o *SerialOutput) UnmarshalText(text []byte) error { return parseWord(o, text, outputWords) }

// UnmarshalText takes one of the actions' words.
func (a *Action) UnmarshalText(text []byte) error { return parseWord(a, text, actionWords) }

// UnmarshalText takes "off", "2MiB" or "1GiB".
func (h *HugePages) UnmarshalText(text []byte) error {
	switch string(text) {
	case "off":
		*h = HugePagesOff
	case "2MiB", "2M":
		*h = HugePages2MiB
	case "1GiB", "1G":
		*h = HugePages1GiB
	default:
		return wrongWord(string(text), hugePagesWords)
	}
	return nil
}

func (h HugePages) String() string {
	if h == HugePagesOff {
		return "off"
	}
	return Size(h).String()
}

// MarshalText writes h as UnmarshalText reads it.
func (h HugePages) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// units are Size's, the largest first.
var units = []struct {
	long, short string
	shift       uint
}{
	{"TiB", "T", 40},
	{"GiB", "G", 30},
	{"MiB", "M", 20},
	{"KiB", "K", 10},
}

// UnmarshalText takes a whole number and a unit, with or without a space
// between.
func (s *Size) UnmarshalText(text []byte) error {
	t := string(text)
	digits := t[:len(t)-len(strings.TrimLeft(t, "0123456789"))]
	unit := strings.TrimPrefix(t[len(digits):], " ")
	wrong := &ruleError{rule: "a whole number with a unit, KiB, MiB, GiB or TiB", remedy: `write it as "512MiB" or "4GiB"`}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil && digits != "" {
		return &ruleError{rule: "at most 16TiB", remedy: "lower it"}
	}
	if err != nil {
		return wrong
	}
	for _, u := range units {
		if unit != u.long && unit != u.short {
			continue
		}
		if n > 1<<(63-u.shift) {
			return &ruleError{rule: "at most 16TiB", remedy: "lower it"}
		}
		*s = Size(n << u.shift)
		return nil
	}
	switch {
	case unit == "":
		wrong.remedy = fmt.Sprintf("say which unit, as in \"%sMiB\"", digits)
	case strings.HasSuffix(strings.ToLower(unit), "b") || len(unit) == 1:
		for _, u := range units {
			if strings.EqualFold(unit[:1], u.short) {
				wrong.remedy = fmt.Sprintf("write it as \"%s%s\"", digits, u.long)
			}
		}
	}
	return wrong
}

// String writes s in the largest unit that divides it, bytes as "N bytes".
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && s%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d%s", s>>u.shift, u.long)
		}
	}
	return fmt.Sprintf("%d bytes", uint64(s))
}

// MarshalText writes s as UnmarshalText reads it. It fails where s is not a
// whole number of KiB.
func (s Size) MarshalText() ([]byte, error) {
	if s == 0 {
		return []byte("0K"), nil
	}
	if s%1024 != 0 {
		return nil, fmt.Errorf("size of %d bytes: not a whole number of KiB", uint64(s))
	}
	return []byte(s.String()), nil
}

// UnmarshalText takes a duration as time.ParseDuration does.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return &ruleError{rule: "a length of time with a unit, ms, s, m or h", remedy: `write it as "30s" or "1m30s"`}
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d as UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText takes three or four octal digits.
func (m *Mode) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || v == 0 || len(text) < 3 || len(text) > 4 {
		return &ruleError{rule: "three or four octal digits, not all 0", remedy: `write it as "0644"`}
	}
	*m = Mode(v)
	return nil
}

func (m Mode) String() string { return fmt.Sprintf("%04o", uint32(m)) }

// MarshalText writes m as UnmarshalText reads it.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// orList joins words as a sentence does.
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
