package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// DefaultDetachKeys leave a console, and the guest goes on.
const DefaultDetachKeys = "ctrl-p,ctrl-q"

// maxDetachKeys bounds a sequence of keys.
const maxDetachKeys = 16

// ParseDetachKeys reads a sequence of keys with commas between: single characters
// of ASCII, or ctrl- with a letter or one of @ [ \ ] ^ _ behind it. An empty text
// is no sequence, as a console has from which nobody detaches.
func ParseDetachKeys(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	var keys []byte
	for word := range strings.SplitSeq(text, ",") {
		key, ok := parseKey(word)
		if !ok {
			return nil, fmt.Errorf("%q in %q is no key; write a character, or ctrl- with a letter or one of @[\\]^_ behind it, and commas between, as in %s", word, text, DefaultDetachKeys)
		}
		keys = append(keys, key)
	}
	if len(keys) > maxDetachKeys {
		return nil, fmt.Errorf("%d keys, at most %d", len(keys), maxDetachKeys)
	}
	return keys, nil
}

func parseKey(word string) (byte, bool) {
	name, control := strings.CutPrefix(strings.ToLower(word), "ctrl-")
	switch {
	case control && len(name) == 1 && (name[0] >= 'a' && name[0] <= 'z' || strings.Contains(`@[\]^_`, name)):
		return name[0] & 0x1f, true // what a terminal sends
	case !control && len(word) == 1 && word[0] > ' ' && word[0] < 0x7f:
		return word[0], true
	default:
		return 0, false
	}
}

// holdTime is how long a key that may begin the sequence waits for the next one.
// Then it was meant for the guest.
const holdTime = 500 * time.Millisecond

// DetachReader reads what is typed for a guest, until a sequence of keys is typed
// for hull. Only one Read may be under way.
type DetachReader struct {
	input *Input
	keys  []byte

	match keyMatch
	ready []byte // for the guest, not read yet
	err   error  // behind what is ready
	found bool   // err is io.EOF because of the keys

	detached chan struct{}
}

// NewDetachReader reads from input, which stays the caller's. Without keys nothing
// detaches.
func NewDetachReader(input *Input, keys []byte) *DetachReader {
	return &DetachReader{input: input, keys: keys, match: keyMatch{keys: keys}, detached: make(chan struct{})}
}

// Detached is closed when the keys were typed, and all before them was read: Read
// returns io.EOF then.
func (d *DetachReader) Detached() <-chan struct{} { return d.detached }

// Read waits for what is typed.
func (d *DetachReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(d.ready) == 0 {
		if d.found {
			d.found = false
			close(d.detached)
		}
		if d.err != nil {
			return 0, d.err
		}
		d.fill()
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

func (d *DetachReader) fill() {
	var deadline time.Time
	if d.match.held > 0 {
		deadline = time.Now().Add(holdTime)
	}
	var typed [4096]byte
	n, err := d.input.read(typed[:], deadline)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		d.ready = d.match.release(d.ready)
		return
	}
	if d.ready, d.found = d.match.filter(d.ready[:0], typed[:n]); d.found {
		d.err = io.EOF
		return
	}
	if err != nil {
		d.ready, d.err = d.match.release(d.ready), err
	}
}

// keyMatch looks for a sequence of keys. It holds back what may be its beginning.
type keyMatch struct {
	keys []byte
	held int // how many of keys were the last that was typed
}

// filter appends to guest what of typed is not the sequence, and reports whether
// the sequence was in it: what is behind it is dropped.
func (m *keyMatch) filter(guest, typed []byte) ([]byte, bool) {
	if len(m.keys) == 0 {
		return append(guest, typed...), false
	}
	for _, b := range typed {
		seen := append(append(make([]byte, 0, maxDetachKeys+1), m.keys[:m.held]...), b)
		for !bytes.HasPrefix(m.keys, seen) {
			guest = append(guest, seen[0])
			seen = seen[1:]
		}
		if m.held = len(seen); m.held == len(m.keys) {
			m.held = 0
			return guest, true
		}
	}
	return guest, false
}

// release appends what is held back.
func (m *keyMatch) release(guest []byte) []byte {
	guest = append(guest, m.keys[:m.held]...)
	m.held = 0
	return guest
}
