package main

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/manager"
)

func TestTop(t *testing.T) {
	old := before(50 * time.Hour).Local().Format("Jan02")
	new := before(time.Minute).Local().Format("15:04")
	f := &fakeEngine{instances: someInstances(), top: []manager.Process{
		{PID: 1, CPUTime: 90*time.Minute + 5*time.Second, Age: 50 * time.Hour, Command: "/init"},
		{PID: 31, PPID: 1, UID: 1000, CPUTime: 45 * time.Second, Age: time.Minute, TTY: "hvc0", Command: "sh -c \x1b[2J"},
	}}
	hull(t, f, "top", "web").want(t, ""+
		"UID    PID   PPID   C    STIME   TTY    TIME       CMD\n"+
		"0      1     0      3    "+old+"   ?      01:30:05   /init\n"+
		"1000   31    1      75   "+new+"   hvc0   00:00:45   sh -c ?[2J\n", "", 0)
	wantCalls(t, f, "top web")
}

func TestTopFails(t *testing.T) {
	f := &fakeEngine{instances: someInstances(), fail: map[string]error{"top": errors.New("instance \"web\": top: the guest's agent has not answered within 5s: it has none, or is not that far")}}
	hull(t, f, "top", "web").want(t, "", "hull: instance \"web\": top: the guest's agent has not answered within 5s: it has none, or is not that far\n", 1)
	hull(t, f, "top").want(t, "", "hull: top: 0 arguments; usage: hull top REF [flags]\n", 125)
}

func TestBusy(t *testing.T) {
	for _, test := range []struct {
		cpu, age time.Duration
		want     int
	}{{0, 0, 0}, {time.Second, 0, 0}, {time.Second, 4 * time.Second, 25}, {8 * time.Second, 4 * time.Second, 200}} {
		if got := busy(&manager.Process{CPUTime: test.cpu, Age: test.age}); got != test.want {
			t.Errorf("%v of %v: %d, want %d", test.cpu, test.age, got, test.want)
		}
	}
}
