package logs

import (
	"bytes"
	"testing"
)

// FuzzStream wants of any bytes, written in any pieces, the lines that splitting
// the whole gives, and of each stream what was written to it.
func FuzzStream(f *testing.F) {
	f.Add([]byte("a\nb"), uint16(1), uint16(3))
	f.Add([]byte("é\xff\n\n"), uint16(2), uint16(9000))
	f.Add([]byte("😀"), uint16(3), uint16(5000))
	f.Fuzz(func(t *testing.T, unit []byte, step, times uint16) {
		content := bytes.Repeat(unit, min(int(times), 1+3*maxText/max(1, len(unit))))
		dir := t.TempDir()
		w := open(t, dir, Limits{MaxSize: 1 << 20, MaxFiles: 100})
		s := w.Stream(Stdout)
		for rest := content; len(rest) > 0; {
			n := min(len(rest), max(1+int(step), len(content)/500))
			write(t, s, string(rest[:n]))
			rest = rest[n:]
		}
		closed(t, w)
		var got []byte
		for r, err := range Read(t.Context(), dir, everything) {
			if err != nil {
				t.Fatal(err)
			}
			i := bytes.IndexByte(r.Text, '\n')
			if len(r.Text) == 0 || len(r.Text) > maxText || i >= 0 && i != len(r.Text)-1 {
				t.Fatalf("a record of %d bytes, its line ends at %d", len(r.Text), i)
			}
			got = append(got, r.Text...)
		}
		if !bytes.Equal(got, content) {
			t.Errorf("%d bytes came out of %d", len(got), len(content))
		}
	})
}

// FuzzParseRecord wants what is a record to be written as the same record again.
func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}`))
	f.Add([]byte(`{"bytes":"/w==","stream":"stderr","time":"2026-01-02T03:04:05+01:00"}`))
	f.Add([]byte(`{"log":"","bytes":"","stream":"stderr","time":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte("{\"log\":\"\xff\"}"))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		again, err := appendRecord(nil, &r)
		if err != nil {
			return // a year that has five digits in UTC
		}
		got, err := parseRecord(bytes.TrimSuffix(again, []byte("\n")))
		if err != nil || !got.Time.Equal(r.Time) || got.Stream != r.Stream || !bytes.Equal(got.Text, r.Text) {
			t.Errorf("%q became %+v, was %+v: %v", b, got, r, err)
		}
	})
}
