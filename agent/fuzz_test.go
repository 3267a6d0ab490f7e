package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// refuser is a Spawner that starts nothing.
type refuser struct{}

func (refuser) Start(*Program) (Running, error) { return nil, unix.ENOEXEC }

// pipeEnd is a pipe that gives a peer's bytes and takes what is sent.
type pipeEnd struct {
	io.Reader
	sent bytes.Buffer
}

func (p *pipeEnd) Write(b []byte) (int, error) { return p.sent.Write(b) }
func (p *pipeEnd) Close() error                { return nil }

func seedFrames() [][]byte {
	mine := hello{low: versionLow, high: versionHigh, session: sessionID{1, 2, 3}}
	spawn := (&spawnRequest{args: []string{"/bin/true"}, env: []string{"A=b"}, dir: "/"}).encode()
	greeting := mine.encode(magicClient)
	return [][]byte{
		nil,
		greeting,
		(&frame{kind: typeSpawn, process: 1, payload: spawn}).append(bytes.Clone(greeting)),
		(&frame{kind: typePing, payload: []byte("x")}).append(bytes.Clone(greeting)),
		append(make([]byte, 100), greeting...),
		bytes.Repeat([]byte{frameMarker}, 50),
	}
}

// A client's bytes never panic a server, and its end ends the session.
func FuzzServer(f *testing.F) {
	for _, b := range seedFrames() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewServer(ServerOptions{Spawner: refuser{}, MaxProcesses: 4})
		_ = s.Serve(context.Background(), &pipeEnd{Reader: bytes.NewReader(b)})
	})
}

// A server's bytes never panic a client, and its end ends the client.
func FuzzClient(f *testing.F) {
	for _, b := range seedFrames() {
		f.Add(bytes.ReplaceAll(b, []byte(magicClient), []byte(magicServer)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := NewClient(context.Background(), &pipeEnd{Reader: bytes.NewReader(b)})
		if err != nil {
			return
		}
		<-c.Done()
		if c.Err() == nil {
			t.Error("the connection is over for no reason")
		}
		_ = c.Close()
	})
}

// What decodes encodes to what decodes to the same.
func FuzzDecodeSpawn(f *testing.F) {
	f.Add((&spawnRequest{args: []string{"sh", "-c", "true"}, env: []string{"A=b", "C="}, dir: "/tmp"}).encode())
	f.Add((&spawnRequest{flags: spawnUser | spawnTTY, args: []string{"x"}, user: User{UID: 1, GID: 2, Groups: []uint32{3, 4}}, size: WinSize{24, 80}}).encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := decodeSpawn(b)
		if err != nil {
			if !errors.Is(err, errGarbage) {
				t.Errorf("%v is not garbage", err)
			}
			return
		}
		two, err := decodeSpawn(one.encode())
		if err != nil {
			t.Fatalf("what was encoded does not decode: %v", err)
		}
		if d := cmp.Diff(one, two, cmp.AllowUnexported(spawnRequest{})); d != "" {
			t.Error(d)
		}
	})
}

func FuzzDecodeExit(f *testing.F) {
	f.Add(Exit{Code: 3, MaxRSS: 100}.encode())
	f.Add(Exit{Signal: unix.SIGKILL}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := decodeExit(b)
		if err != nil {
			return
		}
		if two, err := decodeExit(one.encode()); err != nil || two != one {
			t.Errorf("%+v became %+v, %v", one, two, err)
		}
	})
}

func TestHelloChoosesACommonVersion(t *testing.T) {
	for _, test := range []struct {
		low, high uint16
		want      uint16
		ok        bool
	}{
		{1, 1, 1, true},
		{1, 9, versionHigh, true},
		{versionHigh + 1, versionHigh + 5, 0, false},
		{0, 0, 0, false},
	} {
		h := hello{low: test.low, high: test.high}
		reply, ok := h.answer()
		if ok != test.ok || reply.high != test.want {
			t.Errorf("versions %d to %d: chosen %d, %v, want %d, %v", test.low, test.high, reply.high, ok, test.want, test.ok)
		}
	}
}

func TestWindowsRefuseWhatOverrunsThem(t *testing.T) {
	b := newRecvBuffer()
	if !b.push(make([]byte, windowSize)) {
		t.Fatal("a whole window was refused")
	}
	if b.push([]byte{1}) {
		t.Error("one byte more was taken")
	}
	w := newSendWindow()
	if w.give(1) {
		t.Error("credit beyond the window was taken")
	}
	if got := w.take(10); got != 10 {
		t.Errorf("took %d", got)
	}
	if !w.give(10) || w.give(1) {
		t.Error("credit given back does not add up to the window")
	}
	w.close()
	if got := w.take(1); got != 0 {
		t.Errorf("took %d from a closed window", got)
	}
}
