package migration

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// beat is one as a guest sends it.
func beat(nonce byte, number, clock uint64) []byte {
	p := make([]byte, 32)
	p[0] = nonce
	p = binary.LittleEndian.AppendUint64(p, number)
	return binary.LittleEndian.AppendUint64(p, clock)
}

func TestBeatsTellOfASecondMachine(t *testing.T) {
	nonce := make([]byte, 32)
	nonce[0] = 1
	now := time.Now()
	for want, sent := range map[string][][]byte{
		"":                      {beat(1, 1, 10), beat(1, 2, 20), beat(1, 9, 90)},
		"runs twice":            {beat(1, 1, 10), beat(1, 2, 20), beat(1, 2, 21)},
		"another machine's":     {beat(1, 1, 10), beat(2, 2, 20)},
		"the guest's clock":     {beat(1, 1, 10), beat(1, 2, 10)},
		"beat: 3 bytes, want 4": {beat(1, 1, 10), {1, 2, 3}},
	} {
		b := &beats{nonce: hex.EncodeToString(nonce)}
		for i, p := range sent {
			b.take(p, now.Add(time.Duration(i*i)*time.Second))
		}
		got := strings.Join(b.errors, "\n")
		if !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("errors %q, want %q", got, want)
		}
		if want == "" && b.longest() != 3*time.Second {
			t.Errorf("longest gap %v, want 3s", b.longest())
		}
	}
}
