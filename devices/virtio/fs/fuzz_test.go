package fs

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/fswire"
	"github.com/hullvm/hull/mem"
)

// FuzzDriver lays whatever chains a driver may make before the device, which must
// give every one back, with no more written than there is room for, or say that
// its driver broke the rules.
func FuzzDriver(f *testing.F) {
	// Five bytes are a buffer: where, how long, and whether it is the device's to
	// write and the last of its chain.
	f.Add([]byte{0, 0, 40, 0, 0, 1, 0, 100, 0, 3})
	f.Add([]byte{0, 0, 40, 0, 2, 0, 0, 20, 0, 0, 0, 20, 20, 0, 0, 2, 0, 16, 0, 3})
	f.Add([]byte{0, 0, 40, 0, 0, 1, 0, 15, 0, 3, 0, 0, 39, 0, 2, 255, 255, 40, 0, 0, 1, 0, 16, 0, 3})
	f.Add([]byte{1, 0, 16, 0, 1, 0, 0, 40, 0, 2, 0, 0, 40, 0, 2})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 5*200 {
			t.Skip()
		}
		d, s := newTestDevice(t, Config{}, goodHello)
		q := drivers(t, 1, virtqtest.Options{Size: 16, EventIndex: len(input)%2 == 0})
		at := q[1].Memory.Alloc(1 << 16)
		m := message(9, 0)
		if err := q[1].Memory.WriteAt(m, at); err != nil {
			t.Fatal(err)
		}
		a := virtqtest.Activate(t, d, 0, q...)
		go s.echo()
		var chain []virtqtest.Buffer
		room, order := uint64(0), true
		rooms := make(map[virtqtest.Token]uint64)
		for ; len(input) >= 5; input = input[5:] {
			b := virtqtest.Buffer{
				Addr:  at + mem.Addr(binary.BigEndian.Uint16(input))*16,
				Len:   uint32(binary.LittleEndian.Uint16(input[2:])),
				Write: input[4]&1 != 0,
			}
			if b.Write {
				room += uint64(b.Len)
			} else if room > 0 {
				order = false
			}
			chain = append(chain, b)
			if input[4]&2 == 0 && len(chain) < 12 {
				continue
			}
			// The header says what the chain has, so that some requests are sent.
			length := uint32(0)
			for _, b := range chain {
				if !b.Write {
					length += b.Len
				}
			}
			var l [4]byte
			binary.LittleEndian.PutUint32(l[:], length)
			if err := q[1].Memory.WriteAt(l[:], at); err != nil {
				t.Fatal(err)
			}
			token := q[1].AddBuffers(chain...)
			rooms[token] = room
			q[1].Kick()
			if !order {
				if err := a.WaitBroken(t); err == nil {
					t.Error("broken for no reason")
				}
				return
			}
			u := q[1].Wait(t)
			if uint64(u.Written) > rooms[u.Token] {
				t.Fatalf("%d bytes written in room for %d", u.Written, rooms[u.Token])
			}
			chain, room = chain[:0], 0
		}
		if d.Err() != nil {
			t.Errorf("the driver cost the device its server: %v", d.Err())
		}
	})
}

// FuzzServer lets the server say anything after its hello: every request must
// come back all the same, when the server has gone at the latest, with no more
// written than there is room for.
func FuzzServer(f *testing.F) {
	reply := func(index, uses byte, n int) []byte {
		return frame(uint64(uses)<<16|uint64(index), make([]byte, n))
	}
	f.Add(reply(7, 1, 16))
	f.Add(append(reply(6, 1, 16), reply(7, 1, 5000)...))
	f.Add(append(reply(7, 1, 16), reply(7, 1, 16)...))
	f.Add(reply(7, 1, 9000)[:6000])
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 1<<16 {
			t.Skip()
		}
		d, s := newTestDevice(t, Config{PauseDeadline: time.Second}, goodHello)
		q := drivers(t, 1, virtqtest.Options{Size: 16, InOrder: len(input)%2 == 0})
		virtqtest.Activate(t, d, 0, q...)
		rooms := []int{16, 6000, 8192}
		for i, room := range rooms {
			q[1].Add([][]byte{message(uint64(i), 0)}, []int{room})
		}
		q[1].Kick()
		for range rooms {
			s.next()
		}
		s.write(input)
		s.conn.Close()
		for range rooms {
			u := q[1].Wait(t)
			if room := rooms[int(u.Token-1)%len(rooms)]; int(u.Written) > room || u.Written < fswire.MinReply {
				t.Errorf("%d bytes written in room for %d", u.Written, room)
			}
		}
	})
}
