package supervisor

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair is a connection's two ends.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func attach(t *testing.T, c *console, input bool) net.Conn {
	t.Helper()
	ours, theirs := pair(t)
	if err := c.attach(theirs, theirs, input, nil); err != nil {
		t.Fatal(err)
	}
	return ours
}

func TestConsoleReachesLogAndListeners(t *testing.T) {
	var log safeBuffer
	c := newConsole(&log)
	a, b := attach(t, c, true), attach(t, c, false)
	guest, machine := pair(t)
	ran := make(chan struct{})
	go func() { c.run(machine); close(ran) }()

	if _, err := guest.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]net.Conn{"a": a, "b": b} {
		got := make([]byte, 6)
		if _, err := io.ReadFull(l, got); err != nil || string(got) != "hello\n" {
			t.Fatalf("%s got %q, %v", name, got, err)
		}
	}
	if log.String() != "hello\n" {
		t.Errorf("the log has %q", log.String())
	}
	// The one without input is not heard.
	for _, l := range []net.Conn{b, a} {
		if _, err := l.Write([]byte("ls\n")); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 3)
	if _, err := io.ReadFull(guest, got); err != nil || string(got) != "ls\n" {
		t.Fatalf("the guest got %q, %v", got, err)
	}
	if err := guest.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := guest.Read(got); err == nil {
		t.Errorf("the guest got %q more", got[:n])
	}

	// A listener that goes is nobody's trouble, and the end of a run no listener's.
	b.Close()
	guest.Close()
	<-ran
	guest, machine = pair(t)
	ran = make(chan struct{})
	go func() { c.run(machine); close(ran) }()
	if _, err := guest.Write([]byte("again")); err != nil {
		t.Fatal(err)
	}
	guest.Close()
	<-ran
	c.close()
	rest, err := io.ReadAll(a)
	if err != nil || string(rest) != "again" {
		t.Errorf("after the next run: %q, %v", rest, err)
	}
	if log.String() != "hello\nagain" {
		t.Errorf("the log has %q", log.String())
	}
}

// One that does not read is let go; the guest and the others do not notice.
func TestADeafListenerHoldsNobodyUp(t *testing.T) {
	var log safeBuffer
	c := newConsole(&log)
	deaf, keen := attach(t, c, true), attach(t, c, true)
	guest, machine := pair(t)
	ran := make(chan struct{})
	go func() { c.run(machine); close(ran) }()
	heard := make(chan int)
	go func() {
		b, _ := io.ReadAll(keen)
		heard <- len(b)
	}()
	line := strings.Repeat("x", 64<<10)
	for range 64 {
		if _, err := guest.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // the keen one is given time
	}
	guest.Close()
	<-ran
	c.close()
	if n := <-heard; n != 64*len(line) {
		t.Errorf("the keen one heard %d bytes of %d", n, 64*len(line))
	}
	if n, _ := io.ReadAll(deaf); len(n) >= 64*len(line) {
		t.Errorf("the deaf one has got all %d bytes", len(n))
	}
	if n := len(log.String()); n != 64*len(line) {
		t.Errorf("the log has %d bytes of %d", n, 64*len(line))
	}
}

func TestListenersAreCounted(t *testing.T) {
	c := newConsole(io.Discard)
	for range maxListeners {
		attach(t, c, false)
	}
	_, theirs := pair(t)
	if err := c.attach(theirs, theirs, false, nil); err != errManyListeners {
		t.Errorf("one too many: %v", err)
	}
	c.close()
}
