package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hullvm/hull/manager/instance"
)

const someMachine = `{"machine_toml":"[boot]\nkernel = \"debian\"\n[init]\nexec = [\"/bin/sh\"]\n"`

func TestRoutesAskTheEngine(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	for _, test := range []struct {
		request, body string
		status        int
		asked         string
		answer        string // a part
	}{
		{"POST /v1/instances", someMachine + `}`, 201, `create machine "" labels=map[] unconfined=false slow=false kvm="" remove=false cpus=1`, `"id":"0123`},
		{"POST /v1/instances", someMachine + `,"set":["cpu.count=3"],"name":"web","labels":{"a":"b"},"unconfined":true,"slow_kvm":true,"kvm":"/dev/kvm2","auto_remove":true}`, 201, `create machine "web" labels=map[a:b] unconfined=true slow=true kvm="/dev/kvm2" remove=true cpus=3`, `"name":"web"`},
		{"GET /v1/instances", "", 200, `list all=false last=0 size=false map[]`, `"problem":"it is broken"`},
		{"GET /v1/instances?all=true&last=3&size=1&filter=status=running&filter=label=a=b&filter=label=c", "", 200, `list all=true last=3 size=true map[label:[a=b c] status:[running]]`, `"status":"running"`},
		{"GET /v1/instances?filter=name=x", "", 200, `list all=false last=0 size=false map[name:[x]]`, "[]\n"},
		{"GET /v1/instances/web", "", 200, "inspect web", `"run_dir":"/run/hull`},
		{"GET /v1/instances/%77eb", "", 200, "inspect web", `"name":"web"`},
		{"DELETE /v1/instances/web", "", 204, "remove force=false web", ""},
		{"DELETE /v1/instances/web?force=true", "", 204, "remove force=true web", ""},
		{"POST /v1/instances/web/rename", `{"name":"db"}`, 204, `rename "db" web`, ""},
		{"POST /v1/instances/web/update", `{"cpus":"1.5","memory":4096,"restart":"always","disks":{"root":{"bytes_per_second":1,"operations_per_second":2}}}`, 204, `update cpus=150 memory=4096 restart=always disks=map[root:{1 2}] web`, ""},
		{"GET /v1/instances/web/top", "", 200, "top web", `"command":"/sbin/init"`},
		{"POST /v1/instances/web/start", "", 204, "start web", ""},
		{"POST /v1/instances/web/stop", "", 204, "stop own web", ""},
		{"POST /v1/instances/web/stop", `{"timeout":"1m30s"}`, 204, "stop 1m30s web", ""},
		{"POST /v1/instances/web/stop", `{"timeout":"-1s"}`, 204, "stop -1s web", ""},
		{"POST /v1/instances/web/restart", `{"timeout":"0s"}`, 204, "restart 0s web", ""},
		{"POST /v1/instances/web/kill", "", 204, "kill 9 web", ""},
		{"POST /v1/instances/web/kill", `{"signal":"term"}`, 204, "kill 15 web", ""},
		{"POST /v1/instances/web/kill", `{"signal":"SIGHUP"}`, 204, "kill 1 web", ""},
		{"POST /v1/instances/web/kill", `{"signal":"34"}`, 204, "kill 34 web", ""},
		{"POST /v1/instances/web/pause", "", 204, "pause web", ""},
		{"POST /v1/instances/web/unpause", "", 204, "unpause web", ""},
		{"POST /v1/instances/web/wait", "", 200, "wait web", `{"code":3,"reason":"power-off"}`},
		{"GET /v1/instances/web/stats", "", 200, "stats web", `"cpu_time":1500000000`},
		{"GET /v1/instances/web/logs", "", 200, "logs follow=false since=0 until=0 tail=-1 web", ""},
		{"GET /v1/instances/web/logs?follow=true&since=5&until=2026-01-02T03:04:05Z&tail=0&timestamps=false", "", 200, "logs follow=true since=5 until=1767323045 tail=0 web", ""},
		{"GET /v1/instances/web/archive?path=/etc", "", 200, "copy from /etc web", "an archive"},
		{"GET /v1/events?follow=false&since=1.5&until=7&filter=event=start&filter=instance=web", "", 200, "events follow=false since=1 until=7 map[event:[start] instance:[web]]", ": hull"},
		{"GET /v1/version", "", 200, "", `"version":"1.2.3","api":"v1"`},
		{"GET /v1/healthz", "", 200, "", `{"status":"ok"}`},
		{"GET /healthz", "", 200, "", `{"status":"ok"}`},
		{"GET /v1/openapi.json", "", 200, "", `"openapi":"3.1.0"`},
		{"GET /openapi.json", "", 200, "", `"openapi":"3.1.0"`},
		{"HEAD /healthz", "", 200, "", ""},
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
	resp, _ := s.do(t, "PUT", "/v1/instances/web/archive?path=/tmp", strings.Repeat("x", 1<<20), "Content-Type", mediaTar)
	if got := e.take(); resp.StatusCode != 204 || got != "copy to /tmp web; unpacked 1048576" {
		t.Errorf("unpack: %d, %s", resp.StatusCode, got)
	}
}

func TestBadRequestsAreRefusedByName(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	for _, test := range []struct {
		request, body string
		kind          instance.Kind
		message       string // a part
	}{
		{"GET /v1/instances?colour=red", "", "invalid", `query parameter "colour": there is none of that name; there are all, last, size, filter`},
		{"GET /v1/instances/web?all=true", "", "invalid", `query parameter "all": there is none of that name; the route takes none`},
		{"GET /v1/instances?all=maybe", "", "invalid", `query parameter "all": "maybe" is neither true nor false`},
		{"GET /v1/instances?all=true&all=true", "", "invalid", `query parameter "all": given 2 times`},
		{"GET /v1/instances?last=-1", "", "invalid", `query parameter "last": "-1" is no number from 0 to 2147483647`},
		{"GET /v1/instances?last=4294967295", "", "invalid", `query parameter "last"`},
		{"GET /v1/instances?filter=running", "", "invalid", `query parameter "filter": "running" is no filter`},
		{"GET /v1/instances?all=%zz", "", "invalid", "query: "},
		{"GET /v1/instances/web/logs?since=yesterday", "", "invalid", `query parameter "since": "yesterday" is no time`},
		{"GET /v1/instances/web/stats?interval=5s", "", "invalid", `query parameter "interval": it means something with stream=true only`},
		{"GET /v1/instances/web/stats?stream=true&interval=1ms", "", "invalid", `1ms is not between 100ms and 1h0m0s`},
		{"GET /v1/instances/web/archive", "", "invalid", `query parameter "path": "" is no absolute path`},
		{"GET /v1/instances/web/archive?path=etc", "", "invalid", `query parameter "path"`},
		{"GET /v1/events?filter=colour=red", "", "invalid", `filter "colour": there are event, image, instance, label`},

		{"POST /v1/instances", `{}`, "invalid", `field "machine_toml": it is missing`},
		{"POST /v1/instances", ``, "invalid", `field "machine_toml": it is missing`},
		{"POST /v1/instances", `[]`, "invalid", `it is an array, and has to be an object`},
		{"POST /v1/instances", `{"machine_toml":"","colour":1}`, "invalid", `field "colour": there is no such field; there are auto_remove, kvm, labels, machine_toml, name, set`},
		{"POST /v1/instances", `{"Machine_toml":""}`, "invalid", `field "machine_toml": it is missing`},
		{"POST /v1/instances", `{"machine_toml":5}`, "invalid", `field "machine_toml": it is a number, and has to be a string`},
		{"POST /v1/instances", `{"machine_toml":"","labels":{"a":1}}`, "invalid", `field "labels"."a": it is a number, and has to be a string`},
		{"POST /v1/instances", `{"machine_toml":"","labels":null}`, "invalid", `field "labels": it is null, and has to be an object`},
		{"POST /v1/instances", `{"machine_toml":"x = "}`, "invalid", `machine.toml`},
		{"POST /v1/instances", `{"machine_toml":"","set":["a"]}`, "invalid", `set: `},
		{"POST /v1/instances", someMachine + `,"set":["nonsense.path=1"]}`, "invalid", `nonsense`},
		{"POST /v1/instances", `{"machine_toml":"[boot]\nkernel = \"./vmlinuz\"\n[init]\nexec = [\"/bin/sh\"]\n"}`, "invalid", `a path has to be absolute`},
		{"POST /v1/instances", `{"machine_toml":""} {}`, "invalid", `something follows the object`},
		{"POST /v1/instances", `{"machine_toml":`, "invalid", `JSON: unexpected EOF`},
		{"POST /v1/instances", "{\"machine_toml\":\"\xff\"}", "invalid", `it is not UTF-8`},
		{"POST /v1/instances/web/update", `{"cpus":"many"}`, "invalid", `field "cpus": `},
		{"POST /v1/instances/web/update", `{"cpus":1}`, "invalid", `field "cpus": it is a number, and has to be a string`},
		{"POST /v1/instances/web/update", `{"memory":-1}`, "invalid", `field "memory": -1 is no integer from 0 to 18446744073709551615`},
		{"POST /v1/instances/web/update", `{"memory":1.5}`, "invalid", `field "memory": 1.5 is no integer`},
		{"POST /v1/instances/web/update", `{"restart":"sometimes"}`, "invalid", `field "restart": `},
		{"POST /v1/instances/web/update", `{"disks":{"root":{"bytes_per_second":1}}}`, "invalid", `field "disks"."root"."operations_per_second": it is missing`},
		{"POST /v1/instances/web/kill", `{"signal":"BANG"}`, "invalid", `field "signal": "BANG" is no signal`},
		{"POST /v1/instances/web/kill", `{"signal":"65"}`, "invalid", `field "signal": "65" is no signal`},
		{"POST /v1/instances/web/stop", `{"timeout":"soon"}`, "invalid", `field "timeout": "soon" is no duration`},
		{"POST /v1/instances/web/start", `{}`, "invalid", `request body: the route takes none`},
		{"POST /v1/instances/web/exec", `{"command":["ls"]}`, kindNoUpgrade, `Upgrade: hull-stream`},
		{"POST /v1/instances/web/attach", ``, kindNoUpgrade, `Upgrade: hull-stream`},

		{"GET /v1/instances/none", "", "not-found", `instance "none": no such instance`},
		{"GET /v1/instances/none/logs", "", "not-found", `instance "none"`},
		{"GET /v1/instances/none/stats", "", "not-found", `instance "none"`},
		{"GET /v1/instances/none/archive?path=/", "", "not-found", `instance "none"`},
		{"GET /", "", kindNoRoute, `path "/": nothing is there`},
		{"GET /v2/instances", "", kindNoRoute, `path "/v2/instances"`},
		{"PATCH /v1/instances", "", kindBadMethod, `method "PATCH": the path has GET, POST`},
		{"GET /v1/instances/web/start", "", kindBadMethod, `the path has POST`},
		{"HEAD /v1/events", "", kindBadMethod, ``},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		resp, body := s.do(t, method, path, test.body)
		if resp.StatusCode != statusOf(test.kind) {
			t.Errorf("%s %s: %d %s", test.request, test.body, resp.StatusCode, body)
		}
		if method == http.MethodHead {
			continue
		}
		if f := failureIn(t, body); f.Kind != test.kind || !strings.Contains(f.Message, test.message) {
			t.Errorf("%s %s: %+v, want %s: %s", test.request, test.body, f, test.kind, test.message)
		}
		if got := e.take(); got != "" && test.kind != "not-found" {
			t.Errorf("%s %s: the engine was asked: %s", test.request, test.body, got)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	large := strings.Repeat(" ", maxBody+1)
	for _, test := range []struct {
		path, body, media string
		kind              instance.Kind
	}{
		{"/v1/instances/web/rename", large, mediaJSON, kindTooLarge},
		{"/v1/instances", strings.Repeat(large, 16), mediaJSON, kindTooLarge},
		{"/v1/instances/web/rename", `{"name":"x"}`, "text/plain", kindMedia},
		{"/v1/instances/web/rename", `{"name":"x"}`, "", kindMedia},
	} {
		for _, chunked := range []bool{false, true} {
			// A reader whose length is not known is sent in chunks.
			r, err := http.NewRequestWithContext(t.Context(), "POST", "http://hull"+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if chunked {
				r.ContentLength = -1
			}
			r.Header.Set("Content-Type", test.media)
			resp, err := s.client.Do(r)
			if err != nil {
				// The server may refuse and close before all was sent.
				if test.kind != kindTooLarge {
					t.Errorf("%s: %v", test.path, err)
				}
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != statusOf(test.kind) {
				t.Errorf("%s, chunked %v: %d, want %s", test.path, chunked, resp.StatusCode, test.kind)
			}
		}
	}
	// As much as is allowed is taken.
	resp, body := s.do(t, "POST", "/v1/instances", someMachine+strings.Repeat(" ", maxMachine-len(someMachine)-1)+"}")
	if resp.StatusCode != 201 {
		t.Errorf("the largest body: %d %s", resp.StatusCode, body)
	}
	resp, _ = s.do(t, "PUT", "/v1/instances/web/archive?path=/", "x", "Content-Type", "text/plain")
	if resp.StatusCode != statusOf(kindMedia) {
		t.Errorf("an archive that is text: %d", resp.StatusCode)
	}
}

func TestEachKindHasItsStatus(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	for kind, status := range statuses {
		e.err = fmt.Errorf("around it: %w", &instance.Error{Kind: kind, Err: fmt.Errorf("why %s", kind)})
		for _, path := range []string{"/v1/instances/web", "/v1/instances", "/v1/instances/web/logs", "/v1/instances/web/archive?path=/x"} {
			resp, body := s.do(t, "GET", path, "")
			f := failureIn(t, body)
			if resp.StatusCode != status || f.Kind != kind || f.Message != "around it: why "+string(kind) {
				t.Errorf("%s: %s: %d %+v, want %d", kind, path, resp.StatusCode, f, status)
			}
		}
	}
	e.err = fmt.Errorf("nobody knows")
	resp, body := s.do(t, "POST", "/v1/instances/web/start", "")
	if f := failureIn(t, body); resp.StatusCode != 500 || f.Kind != instance.KindFailed {
		t.Errorf("an error without a kind: %d %+v", resp.StatusCode, f)
	}
	if got := statusOf("of a later release"); got != 500 {
		t.Errorf("a kind that nobody knows: %d", got)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	e := &fakeEngine{panics: true}
	s := startServer(t, e, Options{})
	resp, body := s.do(t, "GET", "/v1/instances/web", "")
	if f := failureIn(t, body); resp.StatusCode != 500 || f.Kind != instance.KindFailed || strings.Contains(f.Message, "a mistake\"") {
		t.Errorf("%d %+v", resp.StatusCode, f)
	}
	// Also where a goroutine of the request meets it.
	if _, body := s.do(t, "GET", "/v1/events?follow=false", ""); body != ": hull\n\n" {
		t.Errorf("%q", body)
	}
	e.panics = false
	if resp, _ := s.do(t, "GET", "/v1/instances/web", ""); resp.StatusCode != 200 {
		t.Errorf("after a panic: %d", resp.StatusCode)
	}
}
