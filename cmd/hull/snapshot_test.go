package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func snapshotEngineOf() *fakeEngine {
	return &fakeEngine{instances: someInstances(), fakeSnapshots: fakeSnapshots{snapshots: someSnapshots()}}
}

func TestSnapshotLs(t *testing.T) {
	f := snapshotEngineOf()
	for _, verb := range []string{"ls", "list"} {
		hull(t, f, "snapshot", verb).want(t, `
NAME      INSTANCE   CREATED         KERNEL                           VCPUS     MEMORY    SIZE      PROBLEM
golden    web        3 minutes ago   debian-cloud                     2         512MiB    346MB     
torn      db         2 hours ago     /srv/kernels/linux-of-a-very-…   1         128MiB    1.2MB     memory: block 17: its checksum is 0123456789abcdef, and sho…
odd                                                                                                 description: unexpected end of JSON input?[2J
`[1:], "", 0)
	}
	hull(t, f, "snapshot", "ls", "--no-trunc", "--format", "table {{.Kernel}}\t{{.Problem}}").want(t, `
KERNEL                                           PROBLEM
debian-cloud                                     
/srv/kernels/linux-of-a-very-long-name/vmlinuz   memory: block 17: its checksum is 0123456789abcdef, and should be fedcba9876543210
                                                 description: unexpected end of JSON input?[2J
`[1:], "", 0)
	f.snapshots = f.snapshots[:1]
	hull(t, f, "snapshot", "ls").want(t, `
NAME      INSTANCE   CREATED         KERNEL         VCPUS     MEMORY    SIZE
golden    web        3 minutes ago   debian-cloud   2         512MiB    346MB
`[1:], "", 0)
	f.snapshots = nil
	hull(t, f, "snapshot", "ls").want(t, "NAME      INSTANCE   CREATED   KERNEL    VCPUS     MEMORY    SIZE\n", "", 0)
}

func TestSnapshotLsForms(t *testing.T) {
	f := snapshotEngineOf()
	f.snapshots[0].Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	hull(t, f, "snapshot", "ls", "-q").want(t, "golden\ntorn\nodd\n", "", 0)
	hull(t, f, "snapshot", "ls", "--format", `{{.Name}}: {{.Disks}} {{.CreatedAt}}`).want(t,
		"golden: 1 "+f.snapshots[0].Created.Format("2006-01-02 15:04:05 -0700 MST")+"\ntorn: 0 "+f.snapshots[1].Created.Local().Format("2006-01-02 15:04:05 -0700 MST")+"\nodd:  \n", "", 0)
	got := hull(t, f, "snapshot", "ls", "--format", "json")
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	var row map[string]string
	if err := json.Unmarshal([]byte(lines[0]), &row); err != nil || len(lines) != 3 || row["Name"] != "golden" || row["Memory"] != "512MiB" {
		t.Errorf("%d lines, %v: %s", len(lines), err, got.stdout)
	}
	hull(t, f, "snapshot", "ls", "--format", "{{").want(t, "", "hull: --format \"{{\": template: format:1: unclosed action\n", 1)
	hull(t, f, "snapshot", "ls", "x").want(t, "", "hull: ls: 1 argument; usage: hull snapshot ls [flags]\n", 125)
	f.fail = map[string]error{"list-snapshots": errors.New("open \"/var/lib/hull/snapshots\": permission denied")}
	hull(t, f, "snapshot", "ls").want(t, "", "hull: open \"/var/lib/hull/snapshots\": permission denied\n", 1)
}

func TestSnapshotCreate(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		call   string
		stdout string
	}{
		"name":         {[]string{"web", "golden2"}, `snapshot web "golden2" live=false stop=false`, "golden2\n"},
		"made up":      {[]string{"web"}, `snapshot web "" live=false stop=false`, "web-2026-01-02-120000\n"},
		"live, stop":   {[]string{"--live", "--stop", "db", "x"}, `snapshot db "x" live=true stop=true`, "x\n"},
		"over another": {[]string{"--parent", "golden", "--track", "web", "x"}, `snapshot web "x" live=false stop=false parent="golden" track=true`, "x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := snapshotEngineOf()
			hull(t, f, append([]string{"snapshot", "create"}, test.args...)...).want(t, test.stdout, "", 0)
			wantCalls(t, f, test.call)
		})
	}
}

func TestSnapshotCreateRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		fail   map[string]error
		stderr string
		status int
	}{
		"slash":        {[]string{"web", "a/b"}, nil, "hull: snapshot: name \"a/b\": it may have letters, digits, '.', '_' and '-' only\n", 1},
		"empty":        {[]string{"web", ""}, nil, "hull: the snapshot's name is empty; leave it out to have one made up\n", 1},
		"taken":        {[]string{"web", "golden"}, map[string]error{"snapshot": nameTaken("snapshot", "golden")}, "hull: snapshot \"golden\": another has the name; give another, or remove it with hull snapshot rm golden\n", 1},
		"no instance":  {[]string{"nobody"}, nil, "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1},
		"not running":  {[]string{"new"}, map[string]error{"snapshot": wrongState("new", "snapshot", "it is not running")}, "hull: instance \"new\": snapshot: it is not running\n", 1},
		"no arguments": {nil, nil, "hull: create: 0 arguments; usage: hull snapshot create INSTANCE [NAME] [flags]\n", 125},
		"track, stop":  {[]string{"--track", "--stop", "web"}, nil, "hull: --track is for an instance that goes on, and --stop ends it\n", 1},
		"three":        {[]string{"a", "b", "c"}, nil, "hull: create: 3 arguments; usage: hull snapshot create INSTANCE [NAME] [flags]\n", 125},
	} {
		t.Run(name, func(t *testing.T) {
			f := snapshotEngineOf()
			f.fail = test.fail
			hull(t, f, append([]string{"snapshot", "create"}, test.args...)...).want(t, "", test.stderr, test.status)
		})
	}
}

const noNone = "hull: snapshot \"none\": there is none of this name; hull snapshot ls lists all there are\n"

func TestSnapshotInspect(t *testing.T) {
	f := snapshotEngineOf()
	got := hull(t, f, "snapshot", "inspect", "golden", "odd")
	var list []manager.SnapshotDetail
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || len(list) != 2 || list[0].Name != "golden" || list[1].Problem == "" || list[0].MemoryFile != 42<<20 {
		t.Errorf("%v: %s", err, got.stdout)
	}
	if !strings.HasPrefix(got.stdout, "[\n    {\n        \"name\": \"golden\",\n") || got.status != 0 {
		t.Errorf("status %d, %s", got.status, got.stdout)
	}
	hull(t, f, "snapshot", "inspect", "--format", `{{.Name}} {{.Pause}} {{join .Dependents ","}}`, "none", "golden").want(t, "golden 120ms w1,w2\n", noNone, 1)
	hull(t, f, "snapshot", "inspect", "none").want(t, "[]\n", noNone, 1)
	hull(t, f, "snapshot", "inspect", "--format", "table", "golden").want(t, "", "hull: --format \"table\": a snapshot has too much to say for a table; take json or a template\n", 1)
	if line := hull(t, f, "snapshot", "inspect", "--format", "json", "golden").stdout; strings.Count(line, "\n") != 1 || !json.Valid([]byte(line)) {
		t.Errorf("--format json: %q", line)
	}
}

func TestSnapshotRm(t *testing.T) {
	f := snapshotEngineOf()
	hull(t, f, "snapshot", "rm", "golden", "none", "odd").want(t, "golden\nodd\n", noNone, 1)
	wantCalls(t, f, "remove-snapshot golden force=false", "remove-snapshot none force=false", "remove-snapshot odd force=false")
	f = snapshotEngineOf()
	hull(t, f, "snapshot", "rm", "-f", "none", "odd").want(t, "odd\n", "", 0)
	wantCalls(t, f, "remove-snapshot none force=true", "remove-snapshot odd force=true")
	f.fail = map[string]error{"remove-snapshot": &instance.Error{Kind: instance.KindWrongState, Err: errors.New(`snapshot "golden": remove: the disks of w1, w2 need it; remove them first`)}}
	hull(t, f, "snapshot", "rm", "golden").want(t, "", "hull: snapshot \"golden\": remove: the disks of w1, w2 need it; remove them first\n", 1)
}

func TestSnapshotVerify(t *testing.T) {
	f := snapshotEngineOf()
	hull(t, f, "snapshot", "verify", "golden", "odd").want(t, "golden: ok\nodd: ok\n", "", 0)
	f = snapshotEngineOf()
	f.fail = map[string]error{"verify torn": &instance.Error{Kind: instance.KindCorrupt, Err: errors.New(`snapshot "torn": verify: memory: block 17: its checksum is wrong`)}}
	hull(t, f, "snapshot", "verify", "torn", "none", "golden").want(t, "golden: ok\n", "hull: snapshot \"torn\": verify: memory: block 17: its checksum is wrong\n"+noNone, 1)
	// In the order of the names, one after the other.
	if diff := cmp.Diff([]string{"verify torn", "verify none", "verify golden"}, f.calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSnapshotAloneSaysWhatThereIs(t *testing.T) {
	got := hull(t, snapshotEngineOf(), "snapshot")
	for _, verb := range []string{"create", "inspect", "ls", "rm", "verify"} {
		if !strings.Contains(got.stdout, "\n  "+verb+" ") || got.status != 0 {
			t.Errorf("status %d, no %s in\n%s", got.status, verb, got.stdout)
		}
	}
}
