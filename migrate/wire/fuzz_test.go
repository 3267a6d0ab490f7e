package wire

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzRead reads frames of any bytes. What is read is written back the same, and what
// was allocated for payloads stays within twice what arrived and a step.
func FuzzRead(f *testing.F) {
	b, err := os.ReadFile(recorded)
	if err != nil {
		f.Fatal(err)
	}
	b = b[len(Preamble):]
	f.Add(b, false)
	for len(b) > 0 {
		n := HeaderSize + int(le.Uint32(b[4:]))
		one := bytes.Clone(b[:n])
		f.Add(one, true)
		b = b[n:]
	}
	f.Fuzz(func(t *testing.T, b []byte, repair bool) {
		b = bytes.Clone(b)
		if repair {
			repairFrames(b)
		}
		r := bytes.NewReader(b)
		in := New(readOnly{r})
		var again bytes.Buffer
		out := New(&again)
		for {
			before := len(b) - r.Len()
			frame, err := in.Read()
			if have := cap(in.in.buf); have > 2*len(b)+step {
				t.Fatalf("%d bytes were taken for %d", have, len(b))
			}
			if err != nil {
				if err == io.EOF && r.Len() != 0 {
					t.Fatal("the end is not at the end")
				}
				if _, second := in.Read(); second != err {
					t.Fatalf("%v, and then %v", err, second)
				}
				return
			}
			m, err := Decode(frame)
			if err != nil {
				continue
			}
			end := len(b) - r.Len()
			out.out.number = frame.Number
			again.Reset()
			payload, err := encode(m) // WriteMessage would also tidy a reason
			if err == nil {
				err = out.Write(m.Type(), payload)
			}
			if err != nil {
				t.Fatalf("%+v was read, and can not be written: %v", m, err)
			}
			// Frames that were passed over stand before it.
			if !bytes.HasSuffix(b[before:end], again.Bytes()) {
				t.Fatalf("%+v was read of %x, and is written %x", m, b[before:end], again.Bytes())
			}
		}
	})
}

// repairFrames gives the frames of b right numbers and checksums, so that what is in them
// is read.
func repairFrames(b []byte) {
	for number := uint64(0); len(b) >= HeaderSize; number++ {
		h := header{kind: Type(le.Uint16(b)), length: le.Uint32(b[4:]), number: number}
		n := min(uint64(h.length), uint64(len(b)-HeaderSize))
		h.length = uint32(n)
		payload := b[HeaderSize:][:n]
		h.sum = checksum(payload)
		h.put((*[HeaderSize]byte)(b))
		b = b[HeaderSize+n:]
	}
}

// FuzzCleanText holds that what is cleaned may be sent and shown, and stays as it is.
func FuzzCleanText(f *testing.F) {
	for _, s := range []string{"", "plain", " two\nlines\r\n", "tab\there", "\x1b[2J\a", "\xff\xfe", "\u202etxt.exe", "größer…", "a\u2028b"} {
		f.Add(s, uint16(20))
	}
	f.Fuzz(func(t *testing.T, s string, most uint16) {
		limit := int(most)%maxText + len(ellipsis)
		clean := CleanText(s, limit)
		if clean != "" {
			if err := checkText("text", clean, limit); err != nil {
				t.Fatalf("%q: %v", s, err)
			}
		}
		if again := CleanText(clean, limit); again != clean {
			t.Errorf("%q is cleaned to %q, and that to %q", s, clean, again)
		}
	})
}

// Messages are copies: the next frame does not change them.
func TestMessagesOutliveTheirFrames(t *testing.T) {
	for _, want := range everyMessage() {
		if _, shared := want.(raw); shared {
			continue
		}
		payload, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(Frame{Type: want.Type(), Payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		for i := range payload {
			payload[i] ^= 0xff
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v changed with its frame:\n%s", want.Type(), diff)
		}
	}
}
