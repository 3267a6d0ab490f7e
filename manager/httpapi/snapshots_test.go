package httpapi

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

const plainRestore = `"" labels=map[] verify=false paused=false created=false remove=false unconfined=false slow=false kvm=""`

func TestSnapshotRoutesAskTheEngine(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	const (
		full  = `{"name":"again","labels":{"a":"b"},"verify":true,"paused":true,"created":true,"auto_remove":true,"unconfined":true,"slow_kvm":true,"kvm":"/dev/kvm2"`
		fully = `"again" labels=map[a:b] verify=true paused=true created=true remove=true unconfined=true slow=true kvm="/dev/kvm2"`
	)
	for _, test := range []struct {
		request, body string
		status        int
		asked         string
		answer        string // a part
	}{
		{"POST /v1/instances/web/snapshots", "", 201, `snapshot "" live=false stop=false parent="" track=false web`, `"name":"golden"`},
		{"POST /v1/instances/web/snapshots", `{"name":"golden","live":true,"stop":true,"parent":"base","track":true}`, 201, `snapshot "golden" live=true stop=true parent="base" track=true web`, `"memory":536870912`},
		{"GET /v1/snapshots", "", 200, "snapshots", `"problem":"it is broken"`},
		{"GET /v1/snapshots/golden", "", 200, "inspect snapshot golden", `"pause":120000000`},
		{"DELETE /v1/snapshots/golden", "", 204, "remove snapshot force=false golden", ""},
		{"DELETE /v1/snapshots/golden?force=true", "", 204, "remove snapshot force=true golden", ""},
		{"POST /v1/snapshots/golden/verify", "", 204, "verify golden", ""},
		{"POST /v1/snapshots/golden/restore", "", 201, "restore " + plainRestore + " golden", `"id":"0123`},
		{"POST /v1/snapshots/golden/restore", full + "}", 201, "restore " + fully + " golden", `"name":"web"`},
		{"POST /v1/snapshots/golden/clone", "", 201, "clone 1 " + plainRestore + " golden", `"name":"w-1"`},
		{"POST /v1/snapshots/golden/clone", full + `,"count":1000}`, 201, "clone 1000 " + fully + " golden", `"name":"w-1000"`},
		// A name is one part of a path, and whatever it is, it is the engine's to judge.
		{"GET /v1/snapshots/..%2Fetc", "", 404, "inspect snapshot ../etc", `"kind":"not-found"`},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		resp, body := s.do(t, method, path, test.body)
		if resp.StatusCode != test.status || !strings.Contains(body, test.answer) || test.answer == "" && body != "" {
			t.Errorf("%s %s: %d %s, want %d %q", test.request, test.body, resp.StatusCode, body, test.status, test.answer)
		}
		if got := e.take(); got != test.asked {
			t.Errorf("%s %s: the engine was asked\n%s, want\n%s", test.request, test.body, got, test.asked)
		}
	}
	e.empty = true
	if _, body := s.do(t, "GET", "/v1/snapshots", ""); body != "[]\n" {
		t.Errorf("no snapshots are %q", body)
	}
}

func TestBadRequestsForSnapshotsAreRefused(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	for _, test := range []struct {
		request, body string
		kind          instance.Kind
		message       string // a part
	}{
		{"POST /v1/snapshots/golden/clone", `{"count":0}`, "invalid", "count 0: it has to be from 1 to 1000"},
		{"POST /v1/snapshots/golden/clone", `{"count":10000}`, "invalid", "count 10000: it has to be from 1 to 1000"},
		{"POST /v1/snapshots/golden/clone", `{"count":-1}`, "invalid", `field "count": -1 is no integer from 0 to 65535`},
		{"POST /v1/snapshots/golden/clone", `{"count":null}`, "invalid", `field "count": it is null, and has to be an integer`},
		{"POST /v1/snapshots/golden/restore", `{"count":1}`, "invalid", `field "count": there is no such field; there are auto_remove, created, kvm, labels, name, paused, slow_kvm, unconfined, verify`},
		{"POST /v1/instances/web/snapshots", `{"name":1}`, "invalid", `field "name": it is a number, and has to be a string`},
		{"POST /v1/snapshots/golden/verify", `{}`, "invalid", "request body: the route takes none"},
		{"GET /v1/snapshots?all=true", "", "invalid", `query parameter "all": there is none of that name; the route takes none`},
		{"POST /v1/snapshots", `{}`, kindBadMethod, "the path has GET"},
		{"GET /v1/snapshots/", "", kindNoRoute, "nothing is there"},
		{"POST /v1/instances/none/snapshots", "", "not-found", `instance "none"`},
		{"GET /v1/snapshots/none", "", "not-found", `snapshot "none"`},
		{"DELETE /v1/snapshots/none", "", "not-found", `snapshot "none"`},
		{"POST /v1/snapshots/none/verify", "", "not-found", `snapshot "none"`},
		{"POST /v1/snapshots/none/restore", "", "not-found", `snapshot "none"`},
		{"POST /v1/snapshots/none/clone", "", "not-found", `snapshot "none"`},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		resp, body := s.do(t, method, path, test.body)
		if f := failureIn(t, body); resp.StatusCode != statusOf(test.kind) || f.Kind != test.kind || !strings.Contains(f.Message, test.message) {
			t.Errorf("%s %s: %d %+v, want %s: %s", test.request, test.body, resp.StatusCode, f, test.kind, test.message)
		}
		if got := e.take(); got != "" && test.kind != "not-found" {
			t.Errorf("%s %s: the engine was asked: %s", test.request, test.body, got)
		}
	}
}

// TestAFailedCloneTellsOfThoseItMade has the third of five fail.
func TestAFailedCloneTellsOfThoseItMade(t *testing.T) {
	e := &fakeEngine{cloned: 2, err: &instance.Error{Kind: instance.KindNameTaken, Err: errors.New(`instance "w-3": another has the name`)}}
	s := startServer(t, e, Options{})
	resp, body := s.do(t, "POST", "/v1/snapshots/golden/clone", `{"count":5,"name":"w"}`)
	var a ErrorAnswer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 409 || a.Error.Kind != instance.KindNameTaken || len(a.Instances) != 2 || a.Instances[1].Name != "w-2" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestAVerificationEndsWithTheServer stops a server while it reads a snapshot.
func TestAVerificationEndsWithTheServer(t *testing.T) {
	e := &fakeEngine{block: make(chan struct{}), entered: make(chan struct{})}
	s := startServer(t, e, Options{})
	type said struct {
		status int
		body   string
	}
	answered := make(chan said, 1)
	go func() {
		resp, body := s.do(t, "POST", "/v1/snapshots/golden/verify", "")
		answered <- said{resp.StatusCode, body}
	}()
	<-e.entered
	s.stop()
	select {
	case a := <-answered:
		if f := failureIn(t, a.body); a.status != 503 || f.Kind != kindShuttingDown {
			t.Errorf("%+v", a)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}
