package net

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"

	"golang.org/x/sys/unix"
)

// fuzzOffloads are what the fuzzed card's backend can do.
const fuzzOffloads = hostOffloads | guestOffloads

// source gives the bytes of a fuzz input, then zeros.
type source []byte

func (s *source) u8() byte {
	if len(*s) == 0 {
		return 0
	}
	v := (*s)[0]
	*s = (*s)[1:]
	return v
}

func (s *source) u16() uint16 { return uint16(s.u8()) | uint16(s.u8())<<8 }

// FuzzCard does what a driver may do to the rings, the control queue and the
// configuration space, in any order, and what may come from the wire. Nothing of
// it may end the monitor or hang the card, and no frame may go out with a header
// that was not negotiated.
func FuzzCard(f *testing.F) {
	// A frame out; a frame in, in two buffers; commands; a loop in the ring.
	f.Add([]byte{0xff, 1, 1, 0, 0x10, 26, 0, 0, 4, 0, 1, 1, 3, 1, 100, 0})
	f.Add([]byte{0xff, 1, 0, 0, 0x20, 20, 0, 2, 0, 0, 1, 0, 0, 1, 0x20, 80, 0, 2, 0, 1, 1, 0, 2, 0, 60, 0, 0})
	f.Add([]byte{0xff, 1, 4, 0, 0x00, 8, 0, 1, 1, 0, 1, 4, 0, 1, 0x40, 1, 0, 2, 0, 0, 5, 4, 0, 2})
	f.Add([]byte{0x00, 1, 1, 0, 0x10, 26, 0, 1, 0, 0, 1, 1, 3, 4, 5, 6, 0xff, 7, 6, 0x0f})
	f.Add([]byte{0xff, 3, 1, 0xff, 0xff, 1, 1, 0, 4, 4, 7, 7, 6, 0, 2, 0, 60, 0, 1})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 1<<10 {
			return
		}
		s := source(input)
		z := newFuzzed(t)
		z.activate(s.u8())
		for range 100 {
			if len(s) == 0 {
				break
			}
			z.step(&s)
			z.drain()
		}
		z.device.Deactivate()
		z.drain()
		if err := z.device.Close(); err != nil {
			t.Error(err)
		}
	})
}

// fuzzed is a card, and a driver that does not keep rules.
type fuzzed struct {
	t        *testing.T
	device   *Device
	backend  *fakeBackend
	memory   *virtqtest.Memory
	area     mem.Addr // that descriptors point into
	features uint64
	rings    []*virtqtest.Split
	queues   []*virtio.Queue
	avail    []uint16
	frame    []byte
}

const fuzzQueueSize = 16

func newFuzzed(t *testing.T) *fuzzed {
	z := &fuzzed{t: t, backend: newFakeBackend(t, 2, fuzzOffloads), memory: virtqtest.NewMemory(t, 1<<20), frame: make([]byte, 1<<17)}
	z.area = z.memory.Alloc(1 << 17)
	// What reads as a frame, a command and an address somewhere.
	pattern := make([]byte, 1<<17)
	for i := range pattern {
		pattern[i] = byte(i * i >> 3)
	}
	copy(pattern, []byte{ctrlMQ, ctrlMQVQPairsSet, 2, 0, ctrlGuestOffloads, 0, 2, 0})
	copy(pattern[0x1000:], tsoHeader())
	copy(pattern[0x1000+HeaderSize:], tcp(otherMAC, cardMAC, 3000))
	if err := z.memory.WriteAt(pattern, z.area); err != nil {
		t.Fatal(err)
	}
	var err error
	z.device, err = New(Config{
		Name: "eth0", MAC: cardMAC, QueuePairs: 2, QueueSize: fuzzQueueSize, MTU: 1500, Backend: z.backend, AntiSpoof: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// activate gives the device new rings.
func (z *fuzzed) activate(choice byte) {
	z.features = virtio.FeatureVersion1
	for i, f := range []uint64{
		FeatureMrgRXBuf, FeatureCtrlVQ | FeatureCtrlRX | FeatureCtrlMACAddr, FeatureMQ, fuzzOffloads & hostOffloads,
		fuzzOffloads & guestOffloads, virtio.FeatureEventIdx, FeatureCtrlGuestOffloads, FeatureGuestAnnounce | FeatureStatus,
	} {
		if choice>>i&1 != 0 {
			z.features |= f
		}
	}
	z.rings, z.queues, z.avail = nil, nil, nil
	a := &virtio.Activation{
		Memory: z.memory.Guest, Features: z.features, ConfigChanged: func() {}, Broken: func(error) {},
	}
	for i := range z.device.QueueSizes() {
		d := virtqtest.New(z.t, virtqtest.Options{
			Index: i, Size: fuzzQueueSize, EventIndex: a.Has(virtio.FeatureEventIdx), Indirect: true, Memory: z.memory,
		})
		z.rings, z.queues, z.avail = append(z.rings, d.Split()), append(z.queues, d.Queue()), append(z.avail, 0)
	}
	a.Queues = append(a.Queues, z.queues...)
	if err := z.device.Activate(a); err != nil {
		z.t.Fatal(err)
	}
}

func (z *fuzzed) step(s *source) {
	op, q := s.u8()%9, int(s.u8())%len(z.rings)
	r := z.rings[q]
	switch op {
	case 0: // a descriptor
		index := s.u8() % fuzzQueueSize
		d := virtqtest.SplitDescriptor{Addr: z.address(s), Len: uint32(s.u16()), Flags: uint16(s.u8()), Next: uint16(s.u8())}
		if d.Len == 0xffff {
			d.Len = ^uint32(0)
		}
		r.PutDescriptor(uint16(index), d)
	case 1: // a request
		r.PutAvailEntry(z.avail[q], uint16(s.u8()))
		z.avail[q]++
		r.PutAvail(z.avail[q])
		z.queues[q].Kick()
	case 2: // a frame from the wire
		length, kind := int(s.u16()), s.u8()
		p := append(plain(), tcp(cardMAC, otherMAC, length)...)
		p[headerFlags], p[headerGSOType] = kind&3, kind>>2&7|kind&0x80
		_ = z.backend.wires[q%2].f.SetWriteDeadline(time.Now().Add(time.Millisecond))
		_, _ = z.backend.wires[q%2].f.Write(p[:len(p)-int(kind>>5)*20%len(p)])
	case 3: // an index from nowhere
		z.avail[q] = s.u16()
		r.PutAvail(z.avail[q])
		z.queues[q].Kick()
	case 4:
		p := make([]byte, s.u8()%32)
		z.device.ReadConfig(uint64(s.u8()), p)
		z.device.WriteConfig(uint64(s.u8()), p)
	case 5:
		z.device.Pause()
		z.device.Resume()
	case 6:
		z.device.Deactivate()
		z.activate(s.u8())
	case 7:
		z.device.SetLink(q%2 == 0)
		z.device.Announce()
	case 8: // data
		var p [16]byte
		for i := range p {
			p[i] = s.u8()
		}
		if err := z.memory.WriteAt(p[:], z.address(s)); err != nil && q > 0 {
			r.PutAvailFlags(uint16(p[0]))
		}
	}
}

// address is one that a descriptor points to: mostly memory of the driver's.
func (z *fuzzed) address(s *source) mem.Addr {
	v := s.u8()
	switch v {
	case 0xff:
		return 1 << 40
	case 0xfe:
		return ^mem.Addr(0) - 10
	case 0xfd:
		return mem.Addr(z.memory.Size()) - 8
	case 0xfc:
		return z.rings[0].Device // the device writes its own ring
	}
	return z.area + mem.Addr(v)<<8
}

// drain takes what the card sent, and holds it against what was negotiated.
func (z *fuzzed) drain() {
	for _, w := range z.backend.wires {
		for {
			n, err := unix.Read(w.fd, z.frame)
			if err != nil || n <= 0 {
				break
			}
			z.check(z.frame[:n])
		}
	}
}

func (z *fuzzed) check(p []byte) {
	z.t.Helper()
	if len(p) < HeaderSize+ethernetSize || len(p) > HeaderSize+maxFrame {
		z.t.Fatalf("a packet of %d bytes", len(p))
	}
	if MAC(p[HeaderSize+macSize:]) != cardMAC {
		z.t.Fatal("another's source address")
	}
	if err := impossible(p[:HeaderSize], len(p)-HeaderSize); err != "" {
		z.t.Fatalf("header %x before %d bytes: %s", p[:HeaderSize], len(p)-HeaderSize, err)
	}
}

// impossible says what is wrong with a header, by the rules of section 5.1.6.2.1;
// slow and simple.
func impossible(h []byte, length int) string {
	start, offset := int(binary.LittleEndian.Uint16(h[6:])), int(binary.LittleEndian.Uint16(h[8:]))
	switch {
	case h[0] > 1:
		return "flags"
	case h[0] == 1 && (start < 14 || start+offset+2 > length):
		return "checksum is not in the frame"
	case h[0] == 0 && start+offset != 0:
		return "checksum without its flag"
	case int(binary.LittleEndian.Uint16(h[2:])) > length:
		return "hdr_len"
	case h[10]|h[11] != 0:
		return "num_buffers"
	}
	size := binary.LittleEndian.Uint16(h[4:])
	if h[1] == 0 {
		if size != 0 {
			return "gso_size without gso_type"
		}
		return ""
	}
	switch h[1] {
	case 1, 3, 4, 5, 0x81, 0x84:
	default:
		return "gso_type"
	}
	if size == 0 || h[0] == 0 {
		return "segments without size or checksum"
	}
	return ""
}

// FuzzHeader holds the check of a driver's header against a simple one.
func FuzzHeader(f *testing.F) {
	f.Add(tsoHeader(), uint64(hostOffloads), uint16(9000))
	f.Add([]byte{1, 0x84, 0, 0, 1, 0, 14, 0, 0, 0, 0, 0}, uint64(FeatureCSUM|FeatureHostTSO6), uint16(60))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0}, uint64(FeatureCSUM), uint16(65535))
	f.Fuzz(func(t *testing.T, header []byte, features uint64, length uint16) {
		var in front
		copy(in[:HeaderSize], header)
		in[headerFlags] &= 1 // the others are to be ignored
		if in[headerFlags] == 0 {
			clear(in[headerCSUMStart:headerNumBuffers])
		}
		if in[headerGSOType] == 0 {
			clear(in[headerHdrLen:headerCSUMStart])
		}
		binary.LittleEndian.PutUint16(in[headerHdrLen:], min(in.le16(headerHdrLen), length))
		clear(in[headerNumBuffers:])
		out := in
		err := out.checkSent(features, int(length))
		want := impossible(in[:HeaderSize], int(length))
		needs := map[byte]uint64{
			1: FeatureHostTSO4, 0x81: FeatureHostTSO4 | FeatureHostECN, 4: FeatureHostTSO6, 0x84: FeatureHostTSO6 | FeatureHostECN,
			3: FeatureHostUFO, 5: FeatureHostUSO,
		}[in[headerGSOType]]
		if in[headerFlags] == 1 {
			needs |= FeatureCSUM
		}
		if features&needs != needs {
			want = "a feature"
		}
		if (err != nil) != (want != "") {
			t.Fatalf("%x, features %#x, %d bytes: %v, want %q", in[:HeaderSize], features, length, err, want)
		}
		if err == nil && out != in {
			t.Fatalf("%x became %x", in, out)
		}
	})
}
