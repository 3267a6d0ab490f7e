package main

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/logs"
)

func someLog() []logged {
	at := func(s int) time.Time { return before(time.Minute).Add(time.Duration(s) * time.Second) }
	line := func(s int, stream logs.Stream, text string) logged {
		return logged{record: logs.Record{Time: at(s), Stream: stream, Text: []byte(text)}}
	}
	return []logged{
		line(0, logs.Stdout, "booting\r\n"),
		line(1, logs.Stderr, "hull: monitor started\n"),
		line(2, logs.Stdout, "login: "),
		{err: &logs.BadLineError{Path: "log.jsonl", Offset: 99, Err: errors.New("not UTF-8")}},
		line(3, logs.Stdout, "root\n"),
		line(4, logs.Stdout, "\xff\n"),
	}
}

func TestLogs(t *testing.T) {
	bad := someLog()[3].err.Error()
	for name, test := range map[string]struct {
		args           []string
		call           string
		stdout, stderr string
	}{
		"all":     {nil, "logs web follow=false since=- until=- tail=-1", "booting\r\nlogin: root\n\xff\n", "hull: monitor started\nhull: instance \"web\": logs: " + bad + "\n"},
		"options": {[]string{"-f", "--since", "10m", "--until", "2026-01-02T11:59:30Z", "--tail", "5"}, "logs web follow=true since=2026-01-02T11:50:00Z until=2026-01-02T11:59:30Z tail=5", "booting\r\nlogin: root\n\xff\n", "hull: monitor started\nhull: instance \"web\": logs: " + bad + "\n"},
		"times": {
			[]string{"-t", "-n", "all", "--since", "1767355140.5"},
			"logs web follow=false since=2026-01-02T11:59:00.5Z until=- tail=-1",
			"2026-01-02T11:59:00.000000000Z booting\r\n2026-01-02T11:59:02.000000000Z login: root\n2026-01-02T11:59:04.000000000Z \xff\n",
			"2026-01-02T11:59:01.000000000Z hull: monitor started\nhull: instance \"web\": logs: " + bad + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances(), logs: someLog()}
			hull(t, f, append([]string{"logs", "web"}, test.args...)...).want(t, test.stdout, test.stderr, 0)
			wantCalls(t, f, test.call)
		})
	}
}

func TestLogsThatEndWithAnError(t *testing.T) {
	f := &fakeEngine{instances: someInstances(), logs: append(someLog()[:1], logged{err: errors.New("open \"log.jsonl\": permission denied")})}
	hull(t, f, "logs", "web").want(t, "booting\r\n", "hull: instance \"web\": logs: open \"log.jsonl\": permission denied\n", 1)
}

func TestLogsRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		stderr string
		status int
	}{
		"since":     {[]string{"--since", "yesterday", "web"}, "hull: --since: \"yesterday\" is no moment; write how long ago it was (10m), a date and time (2026-01-02T15:04:05Z), or seconds since 1970\n", 1},
		"until":     {[]string{"--until", "1.", "web"}, "hull: --until: \"1.\" is no moment; write how long ago it was (10m), a date and time (2026-01-02T15:04:05Z), or seconds since 1970\n", 1},
		"tail":      {[]string{"--tail", "some", "web"}, "hull: --tail \"some\": it is no number of lines; write one, or all\n", 1},
		"not there": {[]string{"nobody"}, "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1},
		"two":       {[]string{"web", "db"}, "hull: logs: 2 arguments; usage: hull logs REF [flags]\n", 125},
	} {
		t.Run(name, func(t *testing.T) {
			hull(t, &fakeEngine{instances: someInstances()}, append([]string{"logs"}, test.args...)...).want(t, "", test.stderr, test.status)
		})
	}
}
