package faultproxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// frame is one as the protocol has it, but for checksums, which are its reader's.
func frame(t Type, payload string) []byte {
	b := make([]byte, headSize)
	binary.LittleEndian.PutUint16(b, uint16(t))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(payload)))
	return append(b, payload...)
}

func connection(frames ...[]byte) []byte {
	return append([]byte("HULLMOV\n"), bytes.Join(frames, nil)...)
}

// sides are a source and a target with a proxy in between.
type sides struct {
	t      *testing.T
	proxy  *Proxy
	target net.Listener
}

func newSides(t *testing.T, plan Plan) *sides {
	t.Helper()
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sides{t: t, target: target}
	s.proxy = New(front, func() (net.Conn, error) { return net.Dial("tcp", target.Addr().String()) }, plan)
	t.Cleanup(func() {
		s.proxy.Close()
		target.Close()
	})
	return s
}

// join makes a connection: its two ends.
func (s *sides) join() (source, target net.Conn) {
	s.t.Helper()
	source, err := net.Dial("tcp", s.proxy.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	if target, err = s.target.Accept(); err != nil {
		s.t.Fatal(err)
	}
	for _, c := range []net.Conn{source, target} {
		s.t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(time.Minute)) // a socket has deadlines
	}
	return source, target
}

func (s *sides) send(c net.Conn, b []byte) {
	s.t.Helper()
	if _, err := c.Write(b); err != nil {
		s.t.Error(err)
	}
}

func (s *sides) comes(c net.Conn, want []byte) {
	s.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		s.t.Fatalf("%d bytes came, %q, %v, want %q", n, got[:n], err, want)
	}
}

// nothing holds a connection to being silent, as long as a test can wait.
func (s *sides) nothing(c net.Conn) {
	s.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // a socket has deadlines
	if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Errorf("%d bytes, %v, want nothing", n, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute)) // a socket has deadlines
}

func (s *sides) reset(c net.Conn) {
	s.t.Helper()
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		s.t.Errorf("its end is %v, want a reset", err)
	}
}

// refused holds the proxy to resetting a connection, at once or soon.
func (s *sides) refused() {
	s.t.Helper()
	c, err := net.Dial("tcp", s.proxy.Addr())
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	s.reset(c)
}

func TestWithoutAFaultAllPasses(t *testing.T) {
	s := newSides(t, Plan{})
	source, target := s.join()
	sent := connection(frame(Hello, "a"), frame(Alive, ""), frame(Describe, string(make([]byte, 100_000))))
	s.send(source, sent)
	s.comes(target, sent)
	back := connection(frame(Hello, "b"), frame(Accept, "yes"))
	s.send(target, back)
	s.comes(source, back)
	source.Close()
	if rest, err := io.ReadAll(target); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	seen := s.proxy.Seen()
	for _, want := range []Type{Hello, Describe, Accept} {
		if !slices.Contains(seen, want) {
			t.Errorf("seen %v, without %v", seen, want)
		}
	}
}

func TestWhatIsNoFramePassesToo(t *testing.T) {
	s := newSides(t, Plan{})
	source, target := s.join()
	sent := bytes.Repeat([]byte{0xff}, 1000)
	s.send(source, sent)
	s.comes(target, sent)
}

func TestACutAtAFrame(t *testing.T) {
	for _, after := range []bool{false, true} {
		reached := false
		s := newSides(t, Plan{
			Point: Point{Frame: Commit, After: after}, Fault: Cut, Refuse: true, Reached: func() { reached = true },
		})
		other, _ := s.join()
		s.send(other, connection(frame(Channel, "0")))
		source, target := s.join()
		before := connection(frame(Hello, ""), frame(Final, "x"))
		s.send(source, before)
		s.comes(target, before)
		s.send(source, frame(Commit, "now"))
		<-s.proxy.Reached()
		if !reached {
			t.Error("the point was not told of")
		}
		// A reset takes along what was not read yet, so that what passed is not seen here.
		s.reset(source)
		s.reset(other)
		s.refused()
		s.proxy.Lift()
		source, target = s.join()
		s.send(source, connection(frame(Ask, "?")))
		s.comes(target, connection(frame(Ask, "?")))
	}
}

func TestAHalfClose(t *testing.T) {
	s := newSides(t, Plan{Point: Point{Frame: Prepared}, Fault: HalfClose})
	source, target := s.join()
	s.send(target, connection(frame(Hello, ""), frame(Prepared, "p")))
	if got, err := io.ReadAll(source); err != nil || !bytes.Equal(got, connection(frame(Hello, ""))) {
		t.Errorf("%q, %v", got, err)
	}
	s.send(source, connection(frame(Hello, ""))) // the other way is open
	s.comes(target, connection(frame(Hello, "")))
}

func TestAStall(t *testing.T) {
	s := newSides(t, Plan{Point: Point{Frame: Paused, Count: 2}, Fault: Stall})
	source, target := s.join()
	first := connection(frame(Hello, ""), frame(Paused, "1"))
	s.send(source, first)
	s.comes(target, first)
	s.send(source, frame(Paused, "2"))
	<-s.proxy.Reached()
	s.nothing(target)
	s.send(target, connection(frame(Hello, "")))
	s.nothing(source)
	s.proxy.Lift()
	s.comes(target, frame(Paused, "2"))
	s.comes(source, connection(frame(Hello, "")))
}

func TestACorruptedFrame(t *testing.T) {
	for _, payload := range []string{"", "payload"} {
		s := newSides(t, Plan{Point: Point{Frame: State}, Fault: Corrupt})
		source, target := s.join()
		s.send(source, connection(frame(Hello, "")))
		s.comes(target, connection(frame(Hello, "")))
		sent := frame(State, payload)
		s.send(source, sent)
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(target, got); err != nil {
			t.Fatal(err)
		}
		wrong := 0
		for i := range got {
			if got[i] != sent[i] {
				wrong++
			}
		}
		if wrong != 1 {
			t.Errorf("payload %q: %d bytes are others, want 1", payload, wrong)
		}
		s.send(source, frame(State, payload))
		s.comes(target, frame(State, payload))
	}
}

func TestACutOfAMemoryConnection(t *testing.T) {
	s := newSides(t, Plan{Point: Point{Bytes: 100_000, Channel: 1}, Fault: Cut})
	control, _ := s.join()
	s.send(control, connection(frame(Hello, string(make([]byte, 200_000)))))
	first, atFirst := s.join()
	much := connection(frame(Channel, "0"), frame(Memory, string(make([]byte, 200_000))))
	s.send(first, much)
	s.comes(atFirst, much)
	second, atSecond := s.join()
	s.send(second, connection(frame(Channel, "1")))
	s.comes(atSecond, connection(frame(Channel, "1")))
	select {
	case <-s.proxy.Reached():
		t.Fatal("it has struck too early")
	default:
	}
	s.send(second, frame(Memory, string(make([]byte, 110_000))))
	<-s.proxy.Reached()
	s.reset(second)
	s.reset(first)
	if n := s.proxy.MemoryBytes(); n < 300_000 {
		t.Errorf("%d bytes of memory, want more", n)
	}
}

func TestADuplicate(t *testing.T) {
	s := newSides(t, Plan{Point: Point{Frame: Commit, After: true}, Fault: Duplicate})
	source, target := s.join()
	sent := connection(frame(Hello, "s"), frame(Commit, "c"))
	s.send(source, sent)
	s.comes(target, sent)
	again, err := s.target.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	s.comes(again, sent)
	s.send(source, frame(Alive, "")) // the first goes on
	s.comes(target, frame(Alive, ""))
}

func TestASlowProxy(t *testing.T) {
	s := newSides(t, Plan{Point: Point{Frame: Hello}, Fault: Slow, Rate: 1 << 20})
	source, target := s.join()
	sent := connection(frame(Hello, ""), frame(Memory, string(make([]byte, 200<<10))))
	began := time.Now()
	s.send(source, sent)
	s.comes(target, sent)
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("200 KiB at 1 MiB a second took %v", took)
	}
}

func TestATargetThatIsNotThere(t *testing.T) {
	s := newSides(t, Plan{})
	s.target.Close()
	s.refused()
}
