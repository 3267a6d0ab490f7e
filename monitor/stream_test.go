package monitor

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
)

// streamPair is a stream and the other end of its socket.
func streamPair(t testing.TB) (*stream, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	s, err := newStream(ours)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.FileConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		_ = c.Close()
	})
	return s, c
}

// Slices arrive whole and in order, however little the socket takes at once.
func TestSlicesOverAStream(t *testing.T) {
	devicestest.CheckGoroutines(t)
	s, c := streamPair(t)
	r := rand.New(rand.NewPCG(7, 8))
	var want []byte
	var sent []net.Buffers
	for range 50 {
		var b net.Buffers
		for range r.IntN(20) {
			p := make([]byte, r.IntN(30)*r.IntN(3000))
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			b, want = append(b, p), append(want, p...)
		}
		sent = append(sent, b)
	}
	failed := make(chan error, 1)
	go func() {
		for _, b := range sent {
			n := int64(0)
			for _, p := range b {
				n += int64(len(p))
			}
			got, err := s.WriteVector(&b)
			if err == nil && (got != n || len(b) > 0) {
				err = errors.New("not all was written")
			}
			if err != nil {
				failed <- err
				return
			}
		}
		failed <- s.Close()
	}()
	got, err := io.ReadAll(c)
	if err := errors.Join(err, <-failed); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived, or others: want %d", len(got), len(want))
	}
}

// Who waits for a peer that does nothing is woken.
func TestAStreamThatIsClosedOrLate(t *testing.T) {
	devicestest.CheckGoroutines(t)
	s, c := streamPair(t)
	full := func() error {
		for {
			if _, err := s.WriteVector(&net.Buffers{make([]byte, 1<<20)}); err != nil {
				return err
			}
		}
	}
	if err := s.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := full(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write that is late: %v", err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read that is late: %v", err)
	}
	if err := s.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 2)
	go func() { waits <- full() }()
	go func() {
		_, err := s.Read(make([]byte, 1))
		waits <- err
	}()
	time.AfterFunc(10*time.Millisecond, func() { _ = s.Close() })
	for range 2 {
		if err := <-waits; !errors.Is(err, os.ErrClosed) {
			t.Errorf("of a stream that is closed: %v", err)
		}
	}
	other, peer := streamPair(t)
	_ = peer.Close()
	if _, err := other.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a read at the end: %v", err)
	}
	if _, err := other.WriteVector(&net.Buffers{{1}, {2}}); !errors.Is(err, unix.EPIPE) {
		t.Errorf("a write to nobody: %v", err)
	}
	_ = c.Close()
}

func TestConsume(t *testing.T) {
	for n, want := range map[int]string{0: "ab,cde,f", 1: "b,cde,f", 2: "cde,f", 4: "e,f", 5: "f", 6: ""} {
		b := net.Buffers{[]byte("ab"), nil, []byte("cde"), {}, []byte("f"), nil}
		consume(&b, n)
		got := ""
		for _, p := range b {
			if len(p) > 0 {
				got += "," + string(p)
			}
		}
		if got != "" {
			got = got[1:]
		}
		if got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestWhatIsNoStream(t *testing.T) {
	if _, err := newStreams([]*os.File{newFile(t)}); !errors.Is(err, unix.ENOTSOCK) {
		t.Errorf("a file: %v", err)
	}
	closed := newFile(t)
	_ = closed.Close()
	if _, err := newStreams([]*os.File{closed}); err == nil {
		t.Errorf("a file that is closed: %v", err)
	}
}
