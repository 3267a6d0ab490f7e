package memfile

import (
	"bytes"
	"errors"
	"testing"
)

// fuzzFile wants of any bytes an error, or what is written as the same bytes. The
// sum is made right half of the time, so that what is behind it is judged too.
func fuzzFile(f *testing.F, name string, k *kind) {
	f.Add(samples(f)[name], false)
	f.Add(samples(f)[name], true)
	f.Add([]byte(k.magic), false)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend && len(b) >= headerSize {
			b = bytes.Clone(b)
			le.PutUint32(b[summedSize:], k.sum(b))
		}
		got, err := decoders[name](b, sampleSize)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("error %v", err)
			}
			return
		}
		if again := encoded(t, got); !bytes.Equal(again, b) {
			t.Errorf("read %x, and wrote %x", b, again)
		}
	})
}

func FuzzReadSums(f *testing.F)       { fuzzFile(f, "sums", &sumsKind) }
func FuzzReadPageSet(f *testing.F)    { fuzzFile(f, "map", &mapKind) }
func FuzzReadWorkingSet(f *testing.F) { fuzzFile(f, "working", &workingKind) }
