package fsd_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/fsd"
	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/internal/fswire"
)

// echo replies with the request, as far as there is room. A request that begins a
// body with 'w' waits until it is let go.
type echo struct {
	let chan struct{}

	mu     sync.Mutex
	silent int // requests without a reply
}

func (e *echo) Handle(request, reply []byte) int {
	if reply == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.silent++
		return 0
	}
	if len(request) > 40 && request[40] == 'w' {
		<-e.let
	}
	r := fuse.NewReply(reply)
	r.Bytes(request[:min(len(request), len(r.Room()))])
	return r.Finish(binary.LittleEndian.Uint64(request[8:]), 0)
}

func serve(t *testing.T, o fsd.Options) (*echo, *os.File, <-chan error) {
	t.Helper()
	devicestest.CheckGoroutines(t)
	device, server := fusetest.Socketpair(t)
	e := &echo{let: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		done <- fsd.Serve(server, e, o)
		server.Close()
	}()
	return e, device, done
}

func wait(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(fusetest.Deadline):
		t.Fatal("the server does not end")
		return nil
	}
}

func TestRequestsOvertakeEachOther(t *testing.T) {
	e, conn, done := serve(t, fsd.Options{Workers: 2, MaxInFlight: 5, Text: "text", Confinement: fswire.Landlock})
	c := fusetest.Dial(t, conn)
	if c.Hello.MaxInFlight != 5 || c.Hello.Text != "text" || c.Hello.Confinement != fswire.Landlock {
		t.Errorf("hello is %+v", c.Hello)
	}
	slow, err := c.Send(c.Request(fuse.READ, 1, []byte("wait")), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 5000, 100000, 1 << 20} {
		body := bytes.Repeat([]byte("x"), n)
		got, err := c.Call(fuse.WRITE, 1, body, n+40)
		if err != nil || !bytes.Equal(got, c.Request(fuse.WRITE, 1, body)) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
	}
	for range 1000 {
		if _, err := c.Send(c.Request(fuse.FORGET, 1, make([]byte, 8)), 0); err != nil {
			t.Fatal(err)
		}
	}
	close(e.let)
	if reply := <-slow; len(reply) != 16+44 {
		t.Errorf("the slow request's reply is %x", reply)
	}
	conn.Close()
	if err := wait(t, done); err != nil {
		t.Error(err)
	}
	if e.silent != 1000 {
		t.Errorf("%d requests without a reply were done", e.silent)
	}
}

func TestWhoBreaksTheProtocolIsCutOff(t *testing.T) {
	request := func(length, capacity uint32) []byte {
		var b [fswire.HeaderSize]byte
		fswire.Request{Length: length, Capacity: capacity}.Put(&b)
		return append(b[:], make([]byte, 40)...)
	}
	slow := request(41, 16)
	slow = append(slow, 'w')
	for name, test := range map[string]struct {
		send []byte
		want string
	}{
		"too short":       {request(39, 16), "request of 39"},
		"too long":        {request(1<<32-1, 16), "request of"},
		"too little room": {request(40, 15), "room for 15"},
		"too much room":   {request(40, 1<<31), "room for"},
		"too many":        {bytes.Repeat(slow, 4), "more than 3"},
		"half a request":  {request(40, 16)[:50], io.ErrUnexpectedEOF.Error()},
		"half a header":   {request(40, 16)[:9], io.ErrUnexpectedEOF.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			e, conn, done := serve(t, fsd.Options{Workers: 2, MaxInFlight: 3})
			c := fusetest.Dial(t, conn)
			_ = c
			if _, err := conn.Write(test.send); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "half") {
				conn.Close()
			}
			if name == "too many" {
				time.AfterFunc(0, func() { close(e.let) })
			}
			if err := wait(t, done); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestHellosThatAreRefused(t *testing.T) {
	later := fswire.ClientHello{MinVersion: 2, MaxVersion: 9, MaxRequest: fswire.MaxRequest, MaxReply: fswire.MaxReply}
	greedy := fswire.ClientHello{MinVersion: 1, MaxVersion: 1, MaxRequest: 1 << 30, MaxReply: fswire.MaxReply}
	for name, hello := range map[string][]byte{
		"a later version": later.Append(nil),
		"too much":        greedy.Append(nil),
		"another":         make([]byte, 32),
	} {
		_, conn, done := serve(t, fsd.Options{})
		if _, err := conn.Write(hello); err != nil {
			t.Fatal(err)
		}
		if err := wait(t, done); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if name == "a later version" {
			if _, err := fswire.ReadServerHello(conn); err == nil || !strings.Contains(err.Error(), "versions 2 to 9") {
				t.Errorf("the device is told %v", err)
			}
		}
		conn.Close()
	}
}

func TestADeviceThatGoesWithoutAWordEndsTheServer(t *testing.T) {
	_, conn, done := serve(t, fsd.Options{})
	conn.Close()
	if err := wait(t, done); err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("before hello: %v", err)
	}
	e, conn, done := serve(t, fsd.Options{})
	c := fusetest.Dial(t, conn)
	if _, err := c.Send(c.Request(fuse.READ, 1, []byte("wait")), 100); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	close(e.let)
	if err := wait(t, done); err != nil {
		t.Errorf("with a request under way: %v", err)
	}
}
