package main

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/logs"
)

func someEvents() []happened {
	return []happened{
		{event: events.Event{Time: before(time.Minute), Action: events.Start, ID: someID("1"), Name: "web", Attributes: map[string]string{"kernel": "debian-cloud", "team": "blue"}}},
		{err: &logs.BadLineError{Path: "events.jsonl", Offset: 7, Err: errors.New("not an event")}},
		{event: events.Event{Time: before(time.Second), Action: events.Die, ID: someID("1"), Name: "web", Attributes: map[string]string{"exitCode": "3", "x": "\x1b[2J"}}},
	}
}

func TestEvents(t *testing.T) {
	local := func(d time.Duration) string { return before(d).Local().Format("2006-01-02T15:04:05.000000000Z07:00") }
	bad := "hull: " + someEvents()[1].err.Error() + "\n"
	for name, test := range map[string]struct {
		args   []string
		call   string
		stdout string
	}{
		"plain": {
			nil, "events follow=true since=0001-01-01T00:00:00Z until=0001-01-01T00:00:00Z map[]",
			local(time.Minute) + " instance start " + someID("1") + " (kernel=debian-cloud, name=web, team=blue)\n" +
				local(time.Second) + " instance die " + someID("1") + " (exitCode=3, name=web, x=?[2J)\n",
		},
		"between": {
			[]string{"--since", "1h", "--until", "0s", "-f", "event=die", "--filter", "event=start", "--format", "{{.Name}} {{.Action}}"},
			"events follow=true since=2026-01-02T11:00:00Z until=2026-01-02T12:00:00Z map[event:[die start]]",
			"web start\nweb die\n",
		},
		"json": {
			[]string{"--format", "json"},
			"events follow=true since=0001-01-01T00:00:00Z until=0001-01-01T00:00:00Z map[]",
			`{"time":"2026-01-02T11:59:00Z","action":"start","id":"` + someID("1") + `","name":"web","attributes":{"kernel":"debian-cloud","team":"blue"}}` + "\n" +
				`{"time":"2026-01-02T11:59:59Z","action":"die","id":"` + someID("1") + `","name":"web","attributes":{"exitCode":"3","x":"\u001b[2J"}}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{events: someEvents()}
			hull(t, f, append([]string{"events"}, test.args...)...).want(t, test.stdout, bad, 0)
			wantCalls(t, f, test.call)
		})
	}
}

func TestEventsRefuse(t *testing.T) {
	f := &fakeEngine{events: []happened{{err: errors.New(`journal "events.jsonl": filter "colour": there are event, image, instance and label`)}}}
	hull(t, f, "events", "-f", "colour=blue").want(t, "", "hull: journal \"events.jsonl\": filter \"colour\": there are event, image, instance and label\n", 1)
	hull(t, f, "events", "--since", "x").want(t, "", "hull: --since: \"x\" is no moment; write how long ago it was (10m), a date and time (2026-01-02T15:04:05Z), or seconds since 1970\n", 1)
	hull(t, f, "events", "--format", "table {{.Name}}").want(t, "", "hull: --format \"table {{.Name}}\": events come one by one, and make no table; take json or a template\n", 1)
}
