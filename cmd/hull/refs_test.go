package main

import (
	"errors"
	"testing"
)

func TestCompletionOfRefs(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"any":              {[]string{"inspect", ""}, "web\trunning, debian-cloud\ndb\tpaused, debian-cloud\nslow\tstopping, debian-cloud\nloop\trestarting, debian-cloud\nnew\tcreated, debian-cloud\ndone\texited, debian-cloud\n:4\n"},
		"not twice":        {[]string{"stop", "web", "db", ""}, "slow\tstopping, debian-cloud\nloop\trestarting, debian-cloud\n:4\n"},
		"those that rest":  {[]string{"start", ""}, "new\tcreated, debian-cloud\ndone\texited, debian-cloud\n:4\n"},
		"paused":           {[]string{"unpause", ""}, "db\tpaused, debian-cloud\n:4\n"},
		"running":          {[]string{"exec", ""}, "web\trunning, debian-cloud\n:4\n"},
		"one only":         {[]string{"top", "web", ""}, ":4\n"},
		"program of exec":  {[]string{"exec", "web", ""}, ":4\n"},
		"name for rename":  {[]string{"rename", "web", ""}, ":4\n"},
		"copy":             {[]string{"cp", ""}, "web:/\n:2\n"},
		"copy, local":      {[]string{"cp", "./"}, ":0\n"},
		"machine file":     {[]string{"create", ""}, "toml\n:8\n"},
		"machine file too": {[]string{"boot", ""}, "toml\n:8\n"},
		"policy":           {[]string{"update", "--restart", ""}, "no\non-failure\nalways\nunless-stopped\n:4\n"},
		"format":           {[]string{"ps", "--format", ""}, "table\njson\n:4\n"},
		"signal":           {[]string{"kill", "-s", ""}, "KILL\nTERM\nINT\nHUP\nQUIT\nUSR1\nUSR2\n:4\n"},
		"filter":           {[]string{"events", "-f", ""}, "instance=\nimage=\nlabel=\nevent=create\nevent=start\nevent=die\nevent=stop\nevent=kill\nevent=pause\nevent=unpause\nevent=migrate\nevent=restart\nevent=reboot\nevent=oom\nevent=destroy\nevent=rename\nevent=update\nevent=snapshot\nevent=exec_start\n:4\n"},
		"nothing":          {[]string{"ps", ""}, ":4\n"},
		"to keep":          {[]string{"snapshot", "create", ""}, "web\trunning, debian-cloud\ndb\tpaused, debian-cloud\n:4\n"},
		"name of snapshot": {[]string{"snapshot", "create", "web", ""}, ":4\n"},
		"snapshots":        {[]string{"snapshot", "rm", "torn", ""}, "golden\tof web, debian-cloud\nodd\tunusable\n:4\n"},
		"snapshot":         {[]string{"restore", ""}, "golden\tof web, debian-cloud\ntorn\tunusable\nodd\tunusable\n:4\n"},
		"template":         {[]string{"boot", "--template", ""}, "golden\tof web, debian-cloud\ntorn\tunusable\nodd\tunusable\n:4\n"},
		"one snapshot":     {[]string{"clone", "golden", ""}, ":4\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := hull(t, snapshotEngineOf(), append([]string{"__complete"}, test.args...)...)
			if got.stdout != test.want || got.status != 0 {
				t.Errorf("status %d, %q\nwant %q", got.status, got.stdout, test.want)
			}
		})
	}
	if got := hull(t, &fakeEngine{fail: map[string]error{"list": errors.New("no")}}, "__complete", "stop", ""); got.stdout != ":4\n" {
		t.Errorf("without a list: %q", got.stdout)
	}
	if got := hull(t, &fakeEngine{fail: map[string]error{"list-snapshots": errors.New("no")}}, "__complete", "clone", ""); got.stdout != ":4\n" {
		t.Errorf("without a list of snapshots: %q", got.stdout)
	}
}

// TestEveryCommandHasAPage has each command say what it is for.
func TestEveryCommandHasAPage(t *testing.T) {
	a, _, _ := hullApp(&fakeEngine{}, nil, nil)
	for _, cmd := range newRootCommand(a).Commands() {
		if cmd.Short == "" || !cmd.HasSubCommands() && cmd.Args == nil && cmd.Name() != "help" {
			t.Errorf("hull %s: short text %q, arguments checked: %v", cmd.Name(), cmd.Short, cmd.Args != nil)
		}
	}
}
