package fswire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

var (
	goodClient = ClientHello{MinVersion: 1, MaxVersion: 1, MaxRequest: MaxRequest, MaxReply: MaxReply}
	goodServer = ServerHello{Version: 1, MaxRequest: MaxRequest, MaxReply: MaxReply, MaxInFlight: 64, Confinement: Seccomp, Text: "all well"}
)

func TestHellosSurviveTheWire(t *testing.T) {
	c, err := ReadClientHello(bytes.NewReader(goodClient.Append(nil)))
	if err != nil || c != goodClient {
		t.Errorf("client: %+v, %v", c, err)
	}
	s, err := ReadServerHello(bytes.NewReader(goodServer.Append(nil)))
	if err != nil || s != goodServer {
		t.Errorf("server: %+v, %v", s, err)
	}
}

func TestHellosThatAreRefused(t *testing.T) {
	change := func(f func(*ServerHello)) []byte {
		h := goodServer
		f(&h)
		return h.Append(nil)
	}
	text := change(func(*ServerHello) {})
	text[11] = 0xff
	for name, test := range map[string]struct {
		hello []byte
		want  string
	}{
		"magic":       {append([]byte("SSH-2.0 "), make([]byte, 24)...), "magic"},
		"end":         {goodServer.Append(nil)[:31], io.ErrUnexpectedEOF.Error()},
		"end of text": {goodServer.Append(nil)[:33], io.ErrUnexpectedEOF.Error()},
		"no version":  {change(func(h *ServerHello) { h.Version, h.Text = 0, "too old" }), "too old"},
		"version":     {change(func(h *ServerHello) { h.Version = 9 }), "version 9"},
		"none":        {change(func(h *ServerHello) { h.MaxInFlight = 0 }), "0 requests"},
		"many":        {change(func(h *ServerHello) { h.MaxInFlight = MaxInFlight + 1 }), "1025 requests"},
		"request":     {change(func(h *ServerHello) { h.MaxRequest = 1 << 30 }), "requests of"},
		"reply":       {change(func(h *ServerHello) { h.MaxReply = 0 }), "replies of"},
		"text":        {text, "text of"},
	} {
		if _, err := ReadServerHello(bytes.NewReader(test.hello)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	c := goodClient
	c.MaxReply = 100
	if _, err := ReadClientHello(bytes.NewReader(c.Append(nil))); err == nil {
		t.Error("a client that takes 100 bytes is accepted")
	}
	if _, err := ReadClientHello(strings.NewReader("")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("nothing: %v", err)
	}
}

func TestALongTextIsCut(t *testing.T) {
	h := goodServer
	h.Text = strings.Repeat("x", 70000)
	got, err := ReadServerHello(bytes.NewReader(h.Append(nil)))
	if err != nil || len(got.Text) != maxText {
		t.Errorf("%d bytes, %v", len(got.Text), err)
	}
}

func TestHeadersOutsideOfTheLimits(t *testing.T) {
	for _, r := range []Request{
		{Length: MinRequest - 1, Capacity: 16},
		{Length: 1<<32 - 1, Capacity: 16},
		{Length: 8193, Capacity: 16},
		{Length: 40, Capacity: 15},
		{Length: 40, Capacity: 8193},
	} {
		var b [HeaderSize]byte
		r.Put(&b)
		if _, err := ParseRequest(&b, 8192, 8192); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
	for _, r := range []Reply{{Length: 0}, {Length: MinReply - 1}, {Length: MaxReply + 1}, {Length: 1<<32 - 1}} {
		var b [HeaderSize]byte
		r.Put(&b)
		if _, err := ParseReply(&b); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
	if _, err := ParseReply(&[HeaderSize]byte{8: 16, 15: 1}); err == nil {
		t.Error("a reply's header that does not end in zero is accepted")
	}
}

func TestConfinementInWords(t *testing.T) {
	for c, want := range map[Confinement]string{0: "none", Landlock | Seccomp: "landlock, seccomp"} {
		if got := c.String(); got != want {
			t.Errorf("%#x: %q, want %q", uint32(c), got, want)
		}
	}
}

// FuzzHello: what is accepted says the same when it is written again.
func FuzzHello(f *testing.F) {
	f.Add(goodClient.Append(nil))
	f.Add(goodServer.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ReadServerHello(bytes.NewReader(b)); err == nil {
			again, err := ReadServerHello(bytes.NewReader(h.Append(nil)))
			if err != nil || again != h {
				t.Errorf("%+v became %+v, %v", h, again, err)
			}
		}
		if h, err := ReadClientHello(bytes.NewReader(b)); err == nil {
			again, err := ReadClientHello(bytes.NewReader(h.Append(nil)))
			if err != nil || again != h {
				t.Errorf("%+v became %+v, %v", h, again, err)
			}
		}
		var header [HeaderSize]byte
		copy(header[:], b)
		if r, err := ParseRequest(&header, MaxRequest, MaxReply); err == nil {
			got := header
			if r.Put(&got); got != header {
				t.Errorf("%x became %x", header, got)
			}
		}
		if r, err := ParseReply(&header); err == nil {
			got := header
			if r.Put(&got); got != header {
				t.Errorf("%x became %x", header, got)
			}
		}
	})
}
