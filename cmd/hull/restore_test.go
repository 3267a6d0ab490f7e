package main

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
)

func TestRestoreDetached(t *testing.T) {
	f := snapshotEngineOf()
	hull(t, f, "restore", "-d", "golden").want(t, someID("1")+"\n", "", 0)
	wantCalls(t, f, `restore golden name="" labels= verify=false paused=false rm=false`)
	if f.made.KVM != "" || f.made.Unconfined || f.made.SlowKVM || f.made.Created {
		t.Errorf("%+v", f.made)
	}
	f = snapshotEngineOf()
	hull(t, f, "restore", "-d", "--name", "again", "--rm", "--verify", "--paused", "-l", "a=b", "--label", "c", "--no-jail", "--slow-kvm", "--kvm", "dev/kvm", "golden").want(t, someID("1")+"\n", "", 0)
	wantCalls(t, f, `restore golden name="again" labels=a=b,c= verify=true paused=true rm=true`)
	if !filepath.IsAbs(f.made.KVM) || !f.made.Unconfined || !f.made.SlowKVM {
		t.Errorf("%+v", f.made)
	}
}

func TestRestoreJoinsTheConsole(t *testing.T) {
	f := snapshotEngineOf()
	f.guest, f.exits = saying("still here\r\n"), exits(instance.Exit{Code: 3, Reason: instance.PowerOff})
	attached(t, f, "restore", "--no-stdin", "golden").want(t, "still here\r\n", "", 3)
	id := someID("1")
	wantCalls(t, f, `restore golden name="" labels= verify=false paused=false rm=false`, "inspect "+id, "wait "+id, "attach "+id+" input=false")
}

// TestRestoreOfOneThatEndedAtOnce has it end before anybody could listen.
func TestRestoreOfOneThatEndedAtOnce(t *testing.T) {
	f := snapshotEngineOf()
	f.instances[0].State = f.instances[5].State
	f.fail = map[string]error{"attach": wrongState("web", "attach", "it is not running")}
	f.logs = []logged{{record: logs.Record{Time: testNow, Stream: logs.Stdout, Text: []byte("last words\n")}}}
	attached(t, f, "restore", "golden").want(t, "last words\n", "", 3)

	f = snapshotEngineOf()
	f.instances = f.instances[1:] // it has removed itself
	attached(t, f, "restore", "--rm", "golden").want(t, "", "hull: instance \"web\": it has ended before its console could be joined, and was removed; leave out --rm to have its log\n", 125)
}

func TestRestoreRefuses(t *testing.T) {
	corrupt := &instance.Error{Kind: instance.KindCorrupt, Err: errors.New(`snapshot "torn": memory: block 17: its checksum is wrong`)}
	for name, test := range map[string]struct {
		args   []string
		fail   map[string]error
		stderr string
	}{
		"none":        {[]string{"none"}, nil, noNone},
		"slash":       {[]string{"--name", "a/b", "golden"}, nil, "hull: --name: name \"a/b\": it may have letters, digits, '.', '_' and '-' only\n"},
		"taken":       {[]string{"golden"}, map[string]error{"restore": nameTaken("instance", "web")}, "hull: instance \"web\": another has the name; give another by --name\n"},
		"paused":      {[]string{"--paused", "golden"}, nil, "hull: --paused: the console of an instance that is paused cannot be joined; add -d\n"},
		"keys":        {[]string{"--detach-keys", "up", "golden"}, nil, "hull: --detach-keys: \"up\" in \"up\" is no key; write a character, or ctrl- with a letter or one of @[\\]^_ behind it, and commas between, as in ctrl-p,ctrl-q\n"},
		"corrupt":     {[]string{"-d", "torn"}, map[string]error{"restore": corrupt}, "hull: snapshot \"torn\": memory: block 17: its checksum is wrong\n"},
		"no argument": {nil, nil, "hull: restore: 0 arguments; usage: hull restore SNAPSHOT [flags]\n"},
		"label":       {[]string{"--label", "=", "golden"}, nil, "hull: invalid argument \"=\" for \"-l, --label\" flag: \"=\" is no label; write it as key=value\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := snapshotEngineOf()
			f.fail = test.fail
			hull(t, f, append([]string{"restore"}, test.args...)...).want(t, "", test.stderr, 125)
		})
	}
}

func TestClone(t *testing.T) {
	f := snapshotEngineOf()
	hull(t, f, "clone", "golden").want(t, someID("1")+"\n", "", 0)
	wantCalls(t, f, `clone golden name="" count=1 labels= verify=false paused=false rm=false`)
	f = snapshotEngineOf()
	hull(t, f, "clone", "-n", "3", "--name", "w", "--rm", "--verify", "--paused", "--label", "a=b", "golden").want(t, someID("1")+"\n"+someID("2")+"\n"+someID("3")+"\n", "", 0)
	wantCalls(t, f, `clone golden name="w" count=3 labels=a=b verify=true paused=true rm=true`)
}

// TestCloneTellsOfThoseItMade has the third of five fail.
func TestCloneTellsOfThoseItMade(t *testing.T) {
	f := snapshotEngineOf()
	f.clones = 2
	f.fail = map[string]error{"clone": nameTaken("instance", "w-3")}
	hull(t, f, "clone", "--count", "5", "--name", "w", "golden").want(t, someID("1")+"\n"+someID("2")+"\n", "hull: instance \"w-3\": another has the name; give another by --name\n", 125)
}

func TestCloneRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		stderr string
	}{
		"none":     {[]string{"none"}, noNone},
		"zero":     {[]string{"-n", "0", "golden"}, "hull: count 0: it has to be from 1 to 1000\n"},
		"negative": {[]string{"-n", "-1", "golden"}, "hull: count -1: it has to be from 1 to 1000\n"},
		"too many": {[]string{"-n", "10000", "golden"}, "hull: count 10000: it has to be from 1 to 1000\n"},
		"no count": {[]string{"-n", "x", "golden"}, "hull: invalid argument \"x\" for \"-n, --count\" flag: strconv.ParseInt: parsing \"x\": invalid syntax\n"},
		"prefix":   {[]string{"--name", "../w", "golden"}, "hull: --name: name \"../w\": it may have letters, digits, '.', '_' and '-' only\n"},
		"two":      {[]string{"golden", "torn"}, "hull: clone: 2 arguments; usage: hull clone SNAPSHOT [flags]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			hull(t, snapshotEngineOf(), append([]string{"clone"}, test.args...)...).want(t, "", test.stderr, 125)
		})
	}
	if manager.MaxClones != 1000 {
		t.Error("the messages above say another number")
	}
}
