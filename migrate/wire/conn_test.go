package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// frame is the bytes of a frame with any header.
func frame(h header, payload []byte) []byte {
	var head [HeaderSize]byte
	h.put(&head)
	return append(head[:], payload...)
}

func TestGreetingOverAPipe(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error)
	ca, cb := New(a), New(b)
	go func() { done <- ca.Greet() }()
	if err := cb.Greet(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go func() { done <- ca.WriteMessage(Ask{aSession}) }()
	f, err := cb.Read()
	if err != nil {
		t.Fatal(err)
	}
	if m, err := Expect[Ask](f); err != nil || m.Session != aSession {
		t.Errorf("%v, %v", m, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestStrangersAreNotGreeted(t *testing.T) {
	for name, c := range map[string]struct {
		says string
		want error
		text string
	}{
		"HTTP":           {"GET / HTTP/1.1\r\n", ErrPreamble, `"G`},
		"TLS":            {"\x16\x03\x01\x02\x00\x01", ErrPreamble, "TLS"},
		"another format": {"HULLSTAT", ErrPreamble, "HULLS"},
		"nothing":        {"", io.EOF, "closed"},
		"a part":         {"HULLM", io.ErrUnexpectedEOF, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.says), iotest.OneByteReader(strings.NewReader(c.says)), iotest.DataErrReader(strings.NewReader(c.says))} {
				conn := New(struct {
					io.Reader
					io.Writer
				}{r, io.Discard})
				if err := conn.Greet(); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%v", err)
				}
				if _, err := conn.Read(); !errors.Is(err, c.want) {
					t.Errorf("then a frame: %v", err)
				}
			}
		})
	}
}

func TestHeadersOfAPeer(t *testing.T) {
	ask, err := encode(Ask{aSession})
	if err != nil {
		t.Fatal(err)
	}
	sum := checksum
	reserved := frame(header{kind: TypeAsk, length: uint32(len(ask)), sum: sum(ask)}, ask)
	reserved[2] = 1
	le.PutUint32(reserved[20:], sum(reserved[:20]))
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"right":               {frame(header{kind: TypeAsk, length: uint32(len(ask)), sum: sum(ask)}, ask), nil},
		"payload's checksum":  {frame(header{kind: TypeAsk, length: uint32(len(ask)), sum: 1}, ask), ErrChecksum},
		"number":              {frame(header{kind: TypeAsk, length: uint32(len(ask)), sum: sum(ask), number: 1}, ask), ErrNumber},
		"reserved":            {reserved, ErrReserved},
		"unknown type":        {frame(header{kind: 99, length: uint32(len(ask)), sum: sum(ask)}, ask), ErrUnknownType},
		"type 0":              {frame(header{kind: 0, length: uint32(len(ask)), sum: sum(ask)}, ask), ErrUnknownType},
		"too long":            {frame(header{kind: TypeAsk, length: small + 1}, nil), ErrLength},
		"longest":             {frame(header{kind: TypeMemory, length: 1<<32 - 1}, nil), ErrLength},
		"too short":           {frame(header{kind: TypeMemory, length: 31}, nil), ErrLength},
		"alive with a load":   {frame(header{kind: TypeAlive, length: 1}, []byte{0}), ErrLength},
		"long and optional":   {frame(header{kind: 0x8000, length: maxOptional + 1}, nil), ErrLength},
		"empty message":       {frame(header{kind: TypeAsk}, nil), ErrLength},
		"ends in its header":  {frame(header{kind: TypeAsk}, nil)[:HeaderSize-1], io.ErrUnexpectedEOF},
		"ends after header":   {frame(header{kind: TypeAsk, length: uint32(len(ask))}, nil), io.ErrUnexpectedEOF},
		"ends in its payload": {frame(header{kind: TypeAsk, length: uint32(len(ask))}, ask[:3]), io.ErrUnexpectedEOF},
		"the end":             {nil, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			conn := New(readOnly{bytes.NewReader(c.b)})
			f, err := conn.Read()
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, %v; want %v", f, err, c.want)
			}
			if c.want == nil {
				return
			}
			conn.stream = readOnly{strings.NewReader("more")}
			if _, again := conn.Read(); again != err {
				t.Errorf("then %v", again)
			}
		})
	}
}

func TestOptionalTypesArePassedOver(t *testing.T) {
	var b bytes.Buffer
	load := bytes.Repeat([]byte{1}, maxOptional)
	for i := range uint64(3) {
		b.Write(frame(header{kind: 0x8001, length: uint32(len(load)), number: i, sum: checksum(load)}, load))
	}
	b.Write(frame(header{kind: TypeAlive, number: 3}, nil))
	c := New(&b)
	if f, err := c.Read(); err != nil || f.Type != TypeAlive || f.Number != 3 {
		t.Fatalf("%v, %v", f, err)
	}
	b.Write(frame(header{kind: 0x8001, length: 1, number: 4, sum: 1}, []byte{1}))
	if _, err := c.Read(); !errors.Is(err, ErrChecksum) {
		t.Errorf("one with a wrong checksum: %v", err)
	}
}

func TestManyWriters(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := New(a)
	const writers, each = 8, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				size := minMemory
				if i%2 == 1 {
					size = joinBelow
				}
				load := bytes.Repeat([]byte{byte(w)}, size)
				if err := c.Write(TypeMemory, load[:7], nil, load[7:]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	in := New(b)
	var got [writers]int
	for range writers * each {
		f, err := in.Read()
		if err != nil {
			t.Fatal(err)
		}
		w := f.Payload[0]
		if !bytes.Equal(f.Payload, bytes.Repeat([]byte{w}, len(f.Payload))) {
			t.Fatal("a frame of several writers")
		}
		got[w]++
	}
	wg.Wait()
	for w, n := range got {
		if n != each {
			t.Errorf("%d frames of writer %d", n, w)
		}
	}
}

// shortWriter takes some bytes, and then no more.
type shortWriter struct {
	io.Reader
	room int
}

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(w.room, len(p))
	if w.room -= n; n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestNothingIsWrittenAfterAPart(t *testing.T) {
	for _, size := range []int{minMemory, joinBelow} {
		for _, room := range []int{0, 10, HeaderSize, HeaderSize + 5} {
			w := &shortWriter{room: room}
			c := New(w)
			if err := c.Write(TypeMemory, make([]byte, size)); !errors.Is(err, io.ErrShortWrite) {
				t.Fatalf("room for %d bytes: %v", room, err)
			}
			w.room = 1 << 20
			if err := c.WriteMessage(Alive{}); !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("after %d bytes of a frame: %v", room, err)
			}
			if w.room != 1<<20 {
				t.Error("something was written after a part of a frame")
			}
		}
	}
}
