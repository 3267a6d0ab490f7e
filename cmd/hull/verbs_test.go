package main

import (
	"errors"
	"testing"

	"github.com/hullvm/hull/manager/instance"
)

func TestVerbsOfInstances(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		calls  []string
		stdout string
	}{
		"start":            {[]string{"start", "new", "done"}, []string{"start new", "start done"}, "new\ndone\n"},
		"stop":             {[]string{"stop", "web"}, []string{"stop web default"}, "web\n"},
		"stop in time":     {[]string{"stop", "-t", "10", "web", "db"}, []string{"stop web 10s", "stop db 10s"}, "web\ndb\n"},
		"stop, unit":       {[]string{"stop", "--timeout=1m30s", "web"}, []string{"stop web 1m30s"}, "web\n"},
		"stop at once":     {[]string{"stop", "-t0", "web"}, []string{"stop web 0s"}, "web\n"},
		"stop for ever":    {[]string{"stop", "-t", "-1", "web"}, []string{"stop web -1ns"}, "web\n"},
		"kill":             {[]string{"kill", "web"}, []string{"kill web 9"}, "web\n"},
		"kill by name":     {[]string{"kill", "-s", "HUP", "web"}, []string{"kill web 1"}, "web\n"},
		"kill by SIG name": {[]string{"kill", "-s", "SIGusr1", "web"}, []string{"kill web 10"}, "web\n"},
		"kill by number":   {[]string{"kill", "--signal", "15", "web"}, []string{"kill web 15"}, "web\n"},
		"pause":            {[]string{"pause", "web"}, []string{"pause web"}, "web\n"},
		"unpause":          {[]string{"unpause", "db", "web"}, []string{"unpause db", "unpause web"}, "db\nweb\n"},
		"restart":          {[]string{"restart", "-t", "2", "web"}, []string{"restart web 2s"}, "web\n"},
		"wait":             {[]string{"wait", "done", "loop"}, []string{"wait done", "wait loop"}, "3\n1\n"},
		"rename":           {[]string{"rename", "web", "shop"}, []string{"rename web shop"}, ""},
		"rm":               {[]string{"rm", "done", "new"}, []string{"remove done force=false", "remove new force=false"}, "done\nnew\n"},
		"rm by force":      {[]string{"rm", "-f", "web", "nobody"}, []string{"remove web force=true", "remove nobody force=true"}, "web\n"},
		"recover":          {[]string{"recover"}, []string{"recover"}, someID("1") + "\n" + someID("2") + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances(), recovers: []string{someID("1"), someID("2")}}
			hull(t, f, test.args...).want(t, test.stdout, "", 0)
			wantCalls(t, f, test.calls...)
		})
	}
}

func TestVerbsGoOnAfterAFailure(t *testing.T) {
	const noNobody = "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n"
	for _, verb := range []string{"start", "stop", "kill", "restart", "pause", "unpause", "rm"} {
		t.Run(verb, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances()}
			hull(t, f, verb, "web", "nobody", "db").want(t, "web\ndb\n", noNobody, 1)
		})
	}
	f := &fakeEngine{instances: someInstances()}
	hull(t, f, "wait", "done", "nobody", "loop").want(t, "3\n1\n", noNobody, 1)
}

func TestVerbsSayWhy(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		fail   map[string]error
		stderr string
		status int
	}{
		"wrong state": {
			[]string{"rm", "web"},
			map[string]error{"remove": wrongState("web", "remove", "it is running; stop it before, or use force")},
			"hull: instance \"web\": remove: it is running; stop it before, or use force\n", 1,
		},
		"restart that is refused": {
			[]string{"restart", "db"},
			map[string]error{"restart": wrongState("db", "restart", "no")},
			"hull: instance \"db\": restart: no\n", 1,
		},
		"no such signal":   {[]string{"kill", "-s", "FOO", "web"}, nil, "hull: --signal \"FOO\": there is no such signal; take a name as HUP or SIGHUP, or a number from 1 to 64\n", 1},
		"signal 0":         {[]string{"kill", "-s", "0", "web"}, nil, "hull: --signal \"0\": there is no such signal; take a name as HUP or SIGHUP, or a number from 1 to 64\n", 1},
		"signal 65":        {[]string{"kill", "-s", "65", "web"}, nil, "hull: --signal \"65\": there is no such signal; take a name as HUP or SIGHUP, or a number from 1 to 64\n", 1},
		"no length":        {[]string{"stop", "-t", "soon", "web"}, nil, "hull: invalid argument \"soon\" for \"-t, --timeout\" flag: \"soon\" is no length of time; write seconds (10), or a number with a unit (1m30s)\n", 125},
		"too many seconds": {[]string{"stop", "-t", "9223372036854775807", "web"}, nil, "hull: invalid argument \"9223372036854775807\" for \"-t, --timeout\" flag: 9223372036854775807 seconds are too many; -1 is for ever\n", 125},
		"no instance":      {[]string{"stop"}, nil, "hull: stop: 0 arguments; usage: hull stop REF... [flags]\n", 125},
		"rename": {
			[]string{"rename", "web", "db"},
			map[string]error{"rename": &instance.Error{Kind: instance.KindNameTaken, Err: errors.New(`instance "web": rename: name "db": another instance has it`)}},
			"hull: instance \"web\": rename: name \"db\": another instance has it\n", 1,
		},
		"recover": {[]string{"recover"}, map[string]error{"recover": errors.New("instance 222222222222: recover: no space left on device")}, "hull: instance 222222222222: recover: no space left on device\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances(), fail: test.fail}
			f.instances[0].AutoRemove = true
			hull(t, f, test.args...).want(t, "", test.stderr, test.status)
		})
	}
}
