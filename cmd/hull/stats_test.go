package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/hullvm/hull/manager"
)

func look(digit, name string, at time.Duration, cpu time.Duration) *manager.Stats {
	return &manager.Stats{
		ID: someID(digit), Name: name, Time: testNow.Add(at), CPUTime: cpu, VCPUs: 2,
		MemoryUsage: 300 << 20, MemoryLimit: 1 << 30, BlockRead: 1_500_000, BlockWritten: 20_000,
		NetReceived: 1000, NetTransmitted: 0, Processes: 12,
	}
}

const statsHeader = "INSTANCE ID    NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O    BLOCK I/O      PIDS\n"

func TestStatsOnce(t *testing.T) {
	web, db := someID("1"), someID("2")
	looks := []map[string]*manager.Stats{
		{web: look("1", "web", 0, time.Second), db: look("2", "db", 0, time.Second)},
		{web: look("1", "web", time.Second, 2500*time.Millisecond), db: look("2", "db", time.Second, 0)},
	}
	f := &fakeEngine{instances: someInstances()[:2], stats: looks}
	hull(t, f, "stats", "--no-stream").want(t, statsHeader+
		"111111111111   web       150.00%   300MiB / 1GiB       29.30%    1kB / 0B   1.5MB / 20kB   12\n"+
		"222222222222   db        0.00%     300MiB / 1GiB       29.30%    1kB / 0B   1.5MB / 20kB   12\n", "", 0)
	wantCalls(t, f, "list all=false last=0 size=false ", "list all=false last=0 size=false ", "stats "+web, "stats "+web, "stats "+db, "stats "+db)
}

func TestStatsForms(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		stdout string
	}{
		"template": {[]string{"--format", "{{.Name}}: {{.CPUPerc}} of {{.PIDs}}"}, "web: 50.00% of 12\n"},
		"json":     {[]string{"--format", "json"}, `{"ID":"111111111111","Container":"111111111111","Name":"web","CPUPerc":"50.00%","MemUsage":"300MiB / 1GiB","MemPerc":"29.30%","NetIO":"1kB / 0B","BlockIO":"1.5MB / 20kB","PIDs":"12"}` + "\n"},
		"whole id": {[]string{"--no-trunc", "--format", "{{.ID}}"}, someID("1") + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{stats: []map[string]*manager.Stats{{"web": look("1", "web", 0, 0)}, {"web": look("1", "web", 2*time.Second, time.Second)}}}
			hull(t, f, append([]string{"stats", "--no-stream", "web"}, test.args...)...).want(t, test.stdout, "", 0)
		})
	}
}

func TestStatsGoOnUntilThoseThatWereNamedAreGone(t *testing.T) {
	f := &fakeEngine{stats: []map[string]*manager.Stats{
		{"web": look("1", "web", 0, 0)},
		{"web": look("1", "web", time.Second, time.Second)},
		{"web": look("1", "web", 2*time.Second, time.Second)},
		{},
	}}
	hull(t, f, "stats", "--format", "{{.CPUPerc}}", "web").want(t, "100.00%\n0.00%\n", "", 0)
}

func TestStatsOfOneThatCameMeanwhileHaveNoRate(t *testing.T) {
	web, db := someID("1"), someID("2")
	f := &fakeEngine{instances: someInstances()[:2], stats: []map[string]*manager.Stats{
		{web: look("1", "web", 0, 0)}, {web: look("1", "web", time.Second, 0), db: look("2", "db", time.Second, time.Second)},
	}}
	f.looks = map[string]int{db: 0}
	f.stats[0][db] = nil // it is not there at the first look
	hull(t, f, "stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}}").want(t, "web 0.00%\ndb --\n", "", 0)
}

func TestStatsFail(t *testing.T) {
	hull(t, &fakeEngine{}, "stats", "nobody").want(t, "", "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1)
	hull(t, &fakeEngine{fail: map[string]error{"stats": errors.New("instance \"web\": stats: permission denied")}}, "stats", "web").want(t, "", "hull: instance \"web\": stats: permission denied\n", 1)
	hull(t, &fakeEngine{}, "stats", "--format", "{{").want(t, "", "hull: --format \"{{\": template: format:1: unclosed action\n", 1)
}

// TestStatsStayInTheirPlaceOnATerminal has a screen of which each look takes the
// place of the one before.
func TestStatsStayInTheirPlaceOnATerminal(t *testing.T) {
	there, here, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	defer here.Close()
	f := &fakeEngine{stats: []map[string]*manager.Stats{
		{"web": look("1", "web", 0, 0)}, {"web": look("1", "web", time.Second, time.Second)}, {"web": look("1", "web", 2*time.Second, time.Second)}, {},
	}}
	a, _, stderr := hullApp(f, nil, nil)
	a.Stdout = here
	if status := a.main(t.Context(), []string{"stats", "--format", "{{.CPUPerc}}", "web"}); status != 0 {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	got := readUntil(t, there, "\x1b[H0.00%\x1b[K\r\n\x1b[J")
	want := "\x1b[2J\x1b[H100.00%\x1b[K\r\n\x1b[J\x1b[H0.00%\x1b[K\r\n\x1b[J"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// readUntil reads what a terminal shows until its end is as said.
func readUntil(t *testing.T, f *os.File, end string) string {
	t.Helper()
	var text strings.Builder
	buffer := make([]byte, 4096)
	for !strings.HasSuffix(text.String(), end) {
		n, err := f.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, text.String())
		}
		text.Write(buffer[:n])
	}
	return text.String()
}
