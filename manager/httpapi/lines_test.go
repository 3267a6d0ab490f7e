package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
)

func TestLogsAreLinesOfJSON(t *testing.T) {
	e := &fakeEngine{logs: []any{
		logs.Record{Time: testTime, Stream: logs.Stdout, Text: []byte("a <line>\n")},
		logs.Record{Time: testTime, Stream: logs.Stderr, Text: []byte("\xff\x00")},
		&logs.BadLineError{Path: "log", Offset: 7, Err: errors.New("junk")},
		logs.Record{Time: testTime, Stream: logs.Stdout, Text: nil},
		&instance.Error{Kind: instance.KindCorrupt, Err: errors.New("the disk is gone")},
	}}
	s := startServer(t, e, Options{})
	resp, body := s.do(t, "GET", "/v1/instances/web/logs", "")
	want := `{"time":"2026-01-02T03:04:05.000000006Z","stream":"stdout","log":"a \u003cline\u003e\n"}
{"time":"2026-01-02T03:04:05.000000006Z","stream":"stderr","bytes":"/wA="}
{"warning":{"kind":"failed","message":"log \"log\": line at byte 7: junk"}}
{"time":"2026-01-02T03:04:05.000000006Z","stream":"stdout","log":""}
{"error":{"kind":"corrupt","message":"the disk is gone"}}
`
	if body != want || resp.Header.Get("Content-Type") != mediaLines {
		t.Errorf("%s\n%s", resp.Header, body)
	}
	if _, body := s.do(t, "GET", "/v1/instances/web/logs?timestamps=false", ""); !strings.HasPrefix(body, `{"stream":"stdout","log":"a`) {
		t.Error(body)
	}
}

func TestAFollowedLogComesAtOnceAndEndsWithItsReader(t *testing.T) {
	e := &fakeEngine{follow: true, logs: []any{logs.Record{Time: testTime, Stream: logs.Stdout, Text: []byte("x")}}}
	s := startServer(t, e, Options{MaxStreams: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp := s.send(t, ctx, "GET", "/v1/instances/web/logs?follow=true", http.NoBody)
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.Contains(line, `"log":"x"`) {
		t.Fatalf("%q, %v", line, err)
	}
	// The only place for what lasts is taken until the reader is gone.
	refusal, body := s.do(t, "GET", "/v1/instances/web/logs?follow=true", "")
	if f := failureIn(t, body); refusal.StatusCode != 503 || f.Kind != kindTooMany || refusal.Header.Get("Retry-After") == "" {
		t.Errorf("%d %+v", refusal.StatusCode, f)
	}
	if resp, _ := s.do(t, "GET", "/v1/instances/web", ""); resp.StatusCode != 200 {
		t.Errorf("what does not last: %d", resp.StatusCode)
	}
	cancel()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if resp, _ := s.do(t, "GET", "/v1/instances/web/logs", ""); resp.StatusCode == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place is not free again")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestStatsStream(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp := s.send(t, ctx, "GET", "/v1/instances/web/stats?stream=true&interval=100ms", http.NoBody)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for range 2 {
		if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, `"cpu_time":1500000000`) || strings.Contains(line, "error") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	e.mu.Lock()
	e.err = &instance.Error{Kind: instance.KindGone, Err: errors.New("it has ended")}
	e.mu.Unlock()
	rest, err := io.ReadAll(r)
	if err != nil || !strings.HasSuffix(string(rest), `{"error":{"kind":"gone","message":"it has ended"}}`+"\n") {
		t.Errorf("%q, %v", rest, err)
	}
}

// sse are the events of a stream, as lines "id|event|data".
func sse(body string) (list []string) {
	for block := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		fields := map[string]string{}
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			fields[name] = value
		}
		if fields["event"] != "" {
			list = append(list, fields["id"]+"|"+fields["event"]+"|"+fields["data"])
		}
	}
	return list
}

func TestEventsResume(t *testing.T) {
	var journal []any
	for i, at := range []time.Duration{0, 1, 1, 1, 2, 3} {
		journal = append(journal, events.Event{Time: testTime.Add(at * time.Second), Action: fmt.Sprintf("a%d", i), ID: testID})
	}
	e := &fakeEngine{journal: journal}
	s := startServer(t, e, Options{})
	read := func(query, last string) []string {
		t.Helper()
		var headers []string
		if last != "" {
			headers = []string{"Last-Event-ID", last}
		}
		resp, body := s.do(t, "GET", "/v1/events?follow=false"+query, "", headers...)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != mediaEvents {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		return sse(body)
	}
	all := read("", "")
	if len(all) != len(journal) || !strings.Contains(all[3], `|a3|{"time":"2026-01-02T03:04:06.000000006Z","action":"a3","id":"0123`) {
		t.Fatalf("%q", all)
	}
	// After every one of them, the rest comes, each once: also among those of one time.
	for i, line := range all {
		id, _, _ := strings.Cut(line, "|")
		if got := read("&since=0", id); strings.Join(got, "\n") != strings.Join(all[i+1:], "\n") {
			t.Errorf("after %s:\n%q", line, got)
		}
	}
	// An event that is not there any more, of a time that is: nothing is left out.
	gone := fmt.Sprintf("%d-0000000000000000", testTime.Add(time.Second).UnixNano())
	if got := read("", gone); strings.Join(got, "\n") != strings.Join(all[1:], "\n") {
		t.Errorf("after one that is gone:\n%q", got)
	}
	last := fmt.Sprintf("%d-0000000000000000", testTime.Add(3*time.Second).UnixNano())
	if got := read("", last); len(got) != 1 || got[0] != all[5] {
		t.Errorf("after one of the last time that is gone:\n%q", got)
	}
	for _, bad := range []string{"x", "1-", "-1-0000000000000000", "1-00", "1-000000000000000g", "99999999999999999999-0000000000000000"} {
		resp, body := s.do(t, "GET", "/v1/events", "", "Last-Event-ID", bad)
		if f := failureIn(t, body); resp.StatusCode != 400 || !strings.Contains(f.Message, "Last-Event-ID") {
			t.Errorf("%q: %d %+v", bad, resp.StatusCode, f)
		}
	}
}

func TestEventsSayWhatIsWrong(t *testing.T) {
	e := &fakeEngine{journal: []any{
		&logs.BadLineError{Path: "events", Offset: 3, Err: errors.New("junk")},
		events.Event{Time: testTime, Action: "a\nb: c"},
		errors.New("the disk is gone"),
	}}
	s := startServer(t, e, Options{})
	_, body := s.do(t, "GET", "/v1/events?follow=false", "")
	got := sse(body)
	if len(got) != 3 || !strings.HasPrefix(got[0], `|warning|{"kind":"failed"`) || !strings.Contains(got[1], `|a_b: c|{`) || got[2] != `|error|{"kind":"failed","message":"the disk is gone"}` {
		t.Errorf("%q", got)
	}
}

func TestAQuietEventStreamShowsLife(t *testing.T) {
	e := &fakeEngine{follow: true}
	s := startServer(t, e, Options{Heartbeat: time.Millisecond})
	before := time.Now().Unix()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp := s.send(t, ctx, "GET", "/v1/events", http.NoBody)
	defer resp.Body.Close()
	got := make([]byte, len(": hull\n\n:\n\n:\n\n"))
	if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != ": hull\n\n:\n\n:\n\n" {
		t.Errorf("%q, %v", got, err)
	}
	// What happens from the request on is not missed.
	var since int64
	if _, err := fmt.Sscanf(e.take(), "events follow=true since=%d", &since); err != nil || since < before || since > time.Now().Unix() {
		t.Errorf("since %d, %v", since, err)
	}
}

// TestEventFiltersAreThoseOfTheJournal compares the names that are let through with
// those that package events takes.
func TestEventFiltersAreThoseOfTheJournal(t *testing.T) {
	refusal := func(name string) error {
		for _, err := range events.Read(t.Context(), t.TempDir()+"/none", events.Options{Filters: map[string][]string{name: {"x"}}}) {
			return err
		}
		return nil
	}
	for _, name := range eventFilters {
		if err := refusal(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name := range strings.FieldsFuncSeq(refusal("none").Error(), func(r rune) bool { return r < 'a' || r > 'z' }) {
		q := EventQuery{Filter: filters{name: {"x"}}}
		if _, err := q.options(time.Now()); (err == nil) != (refusal(name) == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnArchiveThatIsCutOffDoesNotLookWhole(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	e.archive = func(_ context.Context, w io.Writer) error {
		if _, err := w.Write(make([]byte, 100_000)); err != nil {
			return err
		}
		return errors.New("the guest is gone")
	}
	resp := s.send(t, t.Context(), "GET", "/v1/instances/web/archive?path=/etc", http.NoBody)
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes, and no error", n)
	}
	e.archive = func(context.Context, io.Writer) error { return nil }
	if resp, body := s.do(t, "GET", "/v1/instances/web/archive?path=/etc", ""); resp.StatusCode != 200 || body != "" || resp.Header.Get("Content-Type") != mediaTar {
		t.Errorf("an empty one: %d %q", resp.StatusCode, body)
	}
}

func TestAnArchiveWhoseSenderPausesIsGivenUp(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{StallTime: 50 * time.Millisecond})
	body, write := io.Pipe()
	defer write.Close()
	go write.Write([]byte("x")) //nolint:errcheck // then nothing more
	resp := s.send(t, t.Context(), "PUT", "/v1/instances/web/archive?path=/etc", body, "Content-Type", mediaTar)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%d: %v", resp.StatusCode, err)
	}
	if f := failureIn(t, string(b)); resp.StatusCode != statusOf(kindTooSlow) || f.Kind != kindTooSlow {
		t.Errorf("%d %+v", resp.StatusCode, f)
	}
}
