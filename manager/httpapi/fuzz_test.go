package httpapi

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/logs"
)

// letIn is a connection whose peer may use the server.
type letIn struct{ net.Conn }

func (letIn) Admitted() error { return nil }

// FuzzRequests sends every route queries, bodies and headers. Nothing that a client
// writes is the server's failure.
func FuzzRequests(f *testing.F) {
	seeds := []struct{ query, body, header string }{
		{"", "", ""},
		{"all=true&last=3&size=1&filter=status=running", `{"machine_toml":"[boot]\nkernel = \"debian\"\n"}`, ""},
		{"follow=false&since=1.5&until=2026-01-02T03:04:05Z&tail=3&timestamps=0", `{"name":"x","labels":{"a":"b"}}`, "1-0123456789abcdef"},
		{"stream=false&interval=1s", `{"timeout":"-1s"}`, "x"},
		{"path=/etc&force=true", `{"signal":"TERM"}`, ""},
		{"all=%zz;", `{"cpus":"1.5","memory":4096,"disks":{"a":{"bytes_per_second":1,"operations_per_second":18446744073709551616}}}`, ""},
		{"", `{"count":3,"name":"w","verify":true,"labels":{"a":"b"}}`, ""},
		{"", `{"name":"x","live":true,"stop":true}`, ""},
		{"", `{"to":"vm2","plaintext":true,"downtime":"10ms","connections":2,"compression":"lz4"}`, ""},
		{"", `{"to":"vm2","listen":":0","tls":{"ca":"/a","cert":"/b","key":"/c","name":"vm2"}}`, ""},
		{"", `{"side":"target"}`, ""},
		{"", `{"listen":"unix:/run/in.sock","disks":{"root":"/srv/root"},"expire":"1s"}`, ""},
		{"filter==", `{"command":["ls"],"rows":65536}`, "-"},
	}
	list := routes()
	for i := range list {
		for _, s := range seeds {
			f.Add(uint8(i), s.query, []byte(s.body), s.header)
		}
	}
	e := &fakeEngine{
		logs:    []any{logs.Record{Time: testTime, Stream: logs.Stdout, Text: []byte("x")}},
		journal: []any{events.Event{Time: testTime, Action: "start"}},
	}
	s := New(e, Options{})
	f.Fuzz(func(t *testing.T, which uint8, query string, body []byte, header string) {
		route := list[int(which)%len(list)]
		if values, _ := url.ParseQuery(query); values.Get("stream") == "true" || values.Get("stream") == "1" {
			return // it lasts
		}
		r := httptest.NewRequest(route.method, strings.NewReplacer("{ref}", "web", "{snapshot}", "golden").Replace(route.path), strings.NewReader(string(body)))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", mediaJSON)
		if route.media != "" {
			r.Header.Set("Content-Type", route.media)
		}
		if header != "" {
			r.Header.Set("Last-Event-ID", header)
		}
		r = r.WithContext(context.WithValue(r.Context(), connKey{}, letIn{}))
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		e.take()
		if w.Code >= 500 && w.Code != statusOf(kindTooMany) {
			t.Fatalf("%s %s?%s %q: %d %s", route.method, route.path, query, body, w.Code, w.Body)
		}
		if w.Code < 400 {
			return
		}
		var a ErrorAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || statuses[a.Error.Kind] != w.Code {
			t.Fatalf("%s %s: %d %s", route.method, route.path, w.Code, w.Body)
		}
	})
}

// FuzzValues wants what is read to be written so that it is read as the same.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{"", "1", "1.000000001", "68719476736", "2026-01-02T03:04:05.6+01:00", "1m30s", "-1s", "term", "SIGKILL", "64", "1.0000000000", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m, m2 Moment
		if m.UnmarshalText([]byte(text)) == nil {
			b, err := m.MarshalText()
			if err != nil || m2.UnmarshalText(b) != nil || !m2.Equal(m.Time) {
				t.Errorf("%q: %v %s %v", text, m, b, err)
			}
		}
		var d, d2 Duration
		if d.UnmarshalText([]byte(text)) == nil {
			if b, err := d.MarshalText(); err != nil || d2.UnmarshalText(b) != nil || d != d2 {
				t.Errorf("%q: %v %s %v", text, d, b, err)
			}
		}
		var s, s2 Signal
		if s.UnmarshalText([]byte(text)) == nil {
			if b, err := s.MarshalText(); err != nil || s2.UnmarshalText(b) != nil || s != s2 || s < 1 || s > maxSignal {
				t.Errorf("%q: %v %s %v", text, s, b, err)
			}
		}
		if p, err := parsePosition(text); err == nil {
			if again, err := parsePosition(p.String()); err != nil || !again.time.Equal(p.time) || !strings.EqualFold(again.hash, p.hash) {
				t.Errorf("%q: %v", text, p)
			}
		}
	})
}
