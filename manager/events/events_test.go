package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func add(t *testing.T, path string, e Event) {
	t.Helper()
	if err := Append(t.Context(), path, e); err != nil {
		t.Fatal(err)
	}
}

// actions are those of the events that are read; an error that reading goes on
// after is "!".
func actions(t *testing.T, path string, o Options) string {
	t.Helper()
	var out []string
	for e, err := range Read(t.Context(), path, o) {
		switch {
		case err == nil:
			out = append(out, e.Action)
		case GoesOn(err):
			out = append(out, "!")
		default:
			out = append(out, err.Error())
		}
	}
	return strings.Join(out, " ")
}

func TestEventsComeOutAsTheyWentIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if got := actions(t, path, Options{}); got != "" {
		t.Errorf("a journal that is not there reads %q", got)
	}
	before := time.Now()
	want := []Event{
		{Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), Action: Create, ID: "0123", Name: "web", Attributes: map[string]string{"image": "<a>", "b": "c\nd"}},
		{Action: Die},
	}
	for _, e := range want {
		add(t, path, e)
	}
	var got []Event
	for e, err := range Read(t.Context(), path, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if at := got[1].Time; at.Before(before) || at.After(time.Now()) {
		t.Errorf("an event without a time has %v", at)
	}
	want[1].Time = got[1].Time
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, e := range []Event{{}, {Action: "x", Name: strings.Repeat("x", maxEvent)}} {
		if err := Append(t.Context(), path, e); err == nil {
			t.Errorf("%.40v is an event", e)
		}
	}
}

func TestEventsAreChosen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, e := range []Event{
		{Action: "a", ID: "abcd", Name: "web", Attributes: map[string]string{"image": "alpine", "tier": "front", "x": ""}},
		{Action: "b", ID: "abff", Name: "db", Attributes: map[string]string{"image": "alpine", "tier": "back"}},
		{Action: "c", ID: "cafe", Name: "ab"},
	} {
		e.Time = at.Add(time.Duration(i) * time.Second)
		add(t, path, e)
	}
	type filters map[string][]string
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "a b c"},
		{Options{Since: at.Add(time.Second)}, "b c"},
		{Options{Since: at, Until: at.Add(time.Second)}, "a b"},
		{Options{Since: at, Until: at.Add(time.Second), Follow: true}, "a b"},
		{Options{Filters: filters{"event": {"a", "c", "d"}}}, "a c"},
		{Options{Filters: filters{"event": {}}}, "a b c"},
		{Options{Filters: filters{"instance": {"ab"}}}, "a b c"},
		{Options{Filters: filters{"instance": {"web", "abf", ""}}}, "a b"},
		{Options{Filters: filters{"instance": {"we"}}}, ""},
		{Options{Filters: filters{"image": {"alpine"}, "event": {"b", "c"}}}, "b"},
		{Options{Filters: filters{"label": {"tier"}}}, "a b"},
		{Options{Filters: filters{"label": {"tier", "x"}}}, "a"},
		{Options{Filters: filters{"label": {"tier=back"}}}, "b"},
		{Options{Filters: filters{"label": {"tier="}}}, ""},
		{Options{Filters: filters{"colour": {"red"}}}, fmt.Sprintf(`journal %q: filter "colour": there are event, image, instance and label`, path)},
	} {
		if got := actions(t, path, test.o); got != test.want {
			t.Errorf("%+v: %q, want %q", test.o, got, test.want)
		}
	}
}

func TestAJournalThatWasCutOffGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	add(t, path, Event{Action: "a"})
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("junk\n" + `{"time":"2026-01-02T03:0`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	add(t, path, Event{Action: "b"})
	if got := actions(t, path, Options{}); got != "a ! b" {
		t.Errorf("read %q", got)
	}
	if err := os.Mkdir(path+"x", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Append(t.Context(), path+"x", Event{Action: "c"}); err == nil {
		t.Error("a directory is a journal")
	}
}

func TestTheJournalIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	for i := range 100 {
		if err := appendTo(t.Context(), path, Event{Action: strconv.Itoa(i)}, 500); err != nil {
			t.Fatal(err)
		}
	}
	got := strings.Fields(actions(t, path, Options{}))
	for i, a := range got {
		if a != strconv.Itoa(100-len(got)+i) {
			t.Fatalf("read %v", got)
		}
	}
	if len(got) < 5 || len(got) > 25 {
		t.Errorf("%d events are left", len(got))
	}
}

// childVariable makes this binary append events to the journal that it names.
const childVariable = "HULL_TEST_JOURNAL"

const (
	children   = 3
	eachAppend = 100
)

func TestMain(m *testing.M) {
	path := os.Getenv(childVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	for i := range eachAppend {
		// Few enough of them that no file is dropped, many enough that they rotate.
		if err := appendTo(context.Background(), path, Event{Action: strconv.Itoa(i), ID: os.Args[1]}, 12_000); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func TestProcessesAppendAndFollowTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	seen := make([]map[string]int, 2)
	for f := range seen {
		seen[f] = map[string]int{}
		group.Go(func() {
			total := 0
			for e, err := range Read(ctx, path, Options{Follow: true, Since: time.Unix(1, 0)}) {
				if err != nil || e.Action != strconv.Itoa(seen[f][e.ID]) {
					t.Errorf("event %q of %s, %v, want %d", e.Action, e.ID, err, seen[f][e.ID])
					return
				}
				seen[f][e.ID]++
				if total++; total == children*eachAppend {
					return
				}
			}
		})
	}
	for c := range children {
		group.Go(func() {
			cmd := exec.CommandContext(ctx, self, strconv.Itoa(c))
			cmd.Env = append(os.Environ(), childVariable+"="+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
	if _, err := os.Stat(path + ".1"); err != nil {
		t.Errorf("the journal was not rotated: %v", err)
	}
	var times []time.Time
	for e, err := range Read(ctx, path, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, e.Time)
	}
	if len(times) != children*eachAppend || !slices.IsSortedFunc(times, time.Time.Compare) {
		t.Errorf("%d events, in order %v", len(times), slices.IsSortedFunc(times, time.Time.Compare))
	}
}

func TestAFollowerBeginsWithThePresent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	add(t, path, Event{Action: "old"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { // it cannot be known when the follower has begun
		for {
			select {
			case <-stop:
				return
			default:
				add(t, path, Event{Action: "new"})
			}
		}
	})
	for e, err := range Read(ctx, path, Options{Follow: true}) {
		if err != nil || e.Action != "new" {
			t.Errorf("%q, %v", e.Action, err)
		}
		break
	}
	close(stop)
	group.Wait()
	cancel()
	for _, err := range Read(ctx, path, Options{Follow: true}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	}
}

// FuzzDecode wants what is an event to be written as the same event again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05.000000006Z","action":"start","id":"01","name":"web","attributes":{"image":"alpine"}}`))
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","action":""}`))
	f.Add([]byte(`{"attributes":{"a":1}}`))
	f.Add([]byte("{\"action\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			return
		}
		again, err := e.encode()
		if err != nil {
			return // longer than before, as what was not escaped now is
		}
		got, err := decode(bytes.TrimSuffix(again, []byte("\n")))
		if err != nil {
			t.Fatalf("%q became %q: %v", b, again, err)
		}
		if len(e.Attributes) == 0 {
			e.Attributes = nil
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Error(diff)
		}
	})
}
