package wire

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var record = flag.Bool("record", false, "write the recorded streams that are not there")

// recorded is the stream of version 1, both preamble and frames. It is never written
// anew: a release that can not read it can not speak with those that wrote it.
const recorded = "testdata/version1.stream"

func stream(t testing.TB, messages []Message) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(Preamble)
	c := New(&b)
	for _, m := range messages {
		if err := c.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// readAll is all messages of a stream, and what ended it. What they have of the
// reader's memory is copied.
func readAll(b []byte) ([]Message, error) {
	r := bytes.NewReader(b)
	if err := readPreamble(r); err != nil {
		return nil, err
	}
	c := New(readOnly{r})
	var all []Message
	for {
		f, err := c.Read()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		m, err := Decode(f)
		if err != nil {
			return all, err
		}
		switch v := m.(type) {
		case Memory:
			m = Memory{bytes.Clone(v.Payload)}
		case State:
			m = State{bytes.Clone(v.Data)}
		}
		all = append(all, m)
	}
}

type readOnly struct{ io.Reader }

func (readOnly) Write([]byte) (int, error) { return 0, errors.New("nobody writes here") }

func TestRecordedStreamOfVersion1(t *testing.T) {
	now := stream(t, everyMessage())
	if *record {
		f, err := os.OpenFile(recorded, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(now); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	then, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(now, then) {
		t.Error("version 1 is not written as it was")
	}
	got, err := readAll(then)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everyMessage(), got); diff != "" {
		t.Errorf("version 1 is not read as it was (-want +got):\n%s", diff)
	}
}

// damaged holds a stream against the frames of the whole one: it has those up to some
// place, and never another.
func damaged(t *testing.T, what string, at int, b []byte, whole []Frame) (n int, err error) {
	t.Helper()
	r := bytes.NewReader(b)
	if err := readPreamble(r); err != nil {
		return 0, err
	}
	for c := New(readOnly{r}); ; n++ {
		f, err := c.Read()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if n == len(whole) {
			t.Fatalf("%s at %d: a frame more than there were", what, at)
		}
		if f.Type != whole[n].Type || !bytes.Equal(f.Payload, whole[n].Payload) {
			t.Fatalf("%s at %d: frame %d is %+v, was %+v", what, at, n, f, whole[n])
		}
	}
}

func TestDamagedStreams(t *testing.T) {
	var whole []Frame
	for _, m := range everyMessage() {
		payload, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, Frame{Type: m.Type(), Payload: payload})
	}
	b := stream(t, everyMessage())
	boundary := map[int]int{} // offsets of frames, with how many messages are before
	offset := len(Preamble)
	for i := range whole {
		boundary[offset] = i
		offset += HeaderSize + int(le.Uint32(b[offset+4:]))
	}
	if offset != len(b) {
		t.Fatalf("frames of %d bytes in %d", offset, len(b))
	}

	for at := range b {
		for bit := range 8 {
			flipped := bytes.Clone(b)
			flipped[at] ^= 1 << bit
			if _, err := damaged(t, "flipped", at, flipped, whole); err == nil {
				t.Fatalf("flipped bit %d at %d: no error", bit, at)
			}
		}
		n, err := damaged(t, "truncated", at, b[:at], whole)
		if want, ok := boundary[at]; (err == nil) != ok || ok && n != want {
			t.Fatalf("truncated at %d: %d messages, %v", at, n, err)
		}
		doubled := append(bytes.Clone(b[:at+1]), b[at:]...)
		if _, err := damaged(t, "doubled", at, doubled, whole); err == nil {
			t.Fatalf("doubled at %d: no error", at)
		}
		missing := append(bytes.Clone(b[:at]), b[at+1:]...)
		if _, err := damaged(t, "missing", at, missing, whole); err == nil {
			t.Fatalf("missing at %d: no error", at)
		}
	}

	for at, i := range boundary {
		end := at + HeaderSize + int(le.Uint32(b[at+4:]))
		twice := append(bytes.Clone(b[:end]), b[at:]...)
		if n, err := damaged(t, "frame twice", at, twice, whole); !errors.Is(err, ErrNumber) || n != i+1 {
			t.Errorf("frame %d twice: %d messages, %v", i, n, err)
		}
		without := append(bytes.Clone(b[:at]), b[end:]...)
		if n, err := damaged(t, "frame missing", at, without, whole); i < len(whole)-1 && !errors.Is(err, ErrNumber) || n != i {
			t.Errorf("frame %d missing: %d messages, %v", i, n, err)
		}
	}
}
