package vsock

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The offsets are those of section 5.10.6.
func TestHeadersLieAsTheSpecificationHasThem(t *testing.T) {
	h := header{
		srcCID: 0x0102030405060708, dstCID: 0x1112131415161718, srcPort: 0x21222324, dstPort: 0x31323334,
		len: 0x41424344, typ: 0x5152, op: 0x6162, flags: 0x71727374, bufAlloc: 0x81828384, fwdCnt: 0x91929394,
	}
	const want = "0807060504030201" + "1817161514131211" + "24232221" + "34333231" +
		"44434241" + "5251" + "6261" + "74737271" + "84838281" + "94939291"
	if got := hex.EncodeToString(h.bytes()); got != want {
		t.Errorf("header is\n%s, want\n%s", got, want)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(make([]byte, headerSize))
	f.Add(bytes.Repeat([]byte{0xff}, headerSize))
	f.Add(packet(opRW).bytes())
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) < headerSize {
			return
		}
		h := parseHeader((*[headerSize]byte)(p))
		if got := h.bytes(); !bytes.Equal(got, p[:headerSize]) {
			t.Errorf("%x is %+v, which is %x", p[:headerSize], h, got)
		}
	})
}
