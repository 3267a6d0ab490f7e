package main

import (
	"testing"

	"github.com/hullvm/hull/manager/instance"
)

func TestUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		call string
	}{
		"all":        {[]string{"--cpus", "1.5", "--memory", "256MiB", "--memory-limit", "1GiB", "--restart", "always", "--disk", "root:bytes=10MiB,ops=100", "--disk", "data:ops=5"}, "cpus=1.5 memory=268435456 limit=1073741824 restart=always data:0/5 root:10485760/100"},
		"no limits":  {[]string{"--cpus", "0", "--memory-limit", "0", "--disk", "root:bytes=0"}, "cpus=0 limit=0 root:0/0"},
		"one":        {[]string{"--restart", "on-failure:2"}, "restart=on-failure:2"},
		"rates turn": {[]string{"--disk", "root:ops=1,bytes=1KiB"}, "root:1024/1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances()}
			hull(t, f, append([]string{"update", "web", "db"}, test.args...)...).want(t, "web\ndb\n", "", 0)
			wantCalls(t, f, "update web "+test.call, "update db "+test.call)
		})
	}
}

func TestUpdateRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		stderr string
		status int
	}{
		"nothing":      {nil, "hull: nothing is to be changed; give --cpus, --memory, --memory-limit, --restart or --disk\n", 1},
		"processors":   {[]string{"--cpus", "x"}, "hull: --cpus: number of processors \"x\": must be 0 to 8192 processors, with at most two decimals; write it as \"2\" or \"1.5\"\n", 1},
		"memory":       {[]string{"--memory", "1"}, "hull: --memory: size \"1\": must be a whole number with a unit, KiB, MiB, GiB or TiB; say which unit, as in \"1MiB\"\n", 1},
		"memory limit": {[]string{"--memory-limit", "-1"}, "hull: --memory-limit: size \"-1\": must be a whole number with a unit, KiB, MiB, GiB or TiB; write it as \"512MiB\" or \"4GiB\"\n", 1},
		"policy":       {[]string{"--restart", "alway"}, "hull: --restart: restart policy \"alway\": must be \"no\", \"on-failure\", \"always\" or \"unless-stopped\"; did you mean \"always\"?\n", 1},
		"no disk":      {[]string{"--disk", "ops=1"}, "hull: invalid argument \"ops=1\" for \"--disk\" flag: \"ops=1\" names no disk with its rates; write it as NAME:bytes=10MiB,ops=100\n", 125},
		"no rate":      {[]string{"--disk", "root:iops=1"}, "hull: invalid argument \"root:iops=1\" for \"--disk\" flag: \"root:iops=1\": there is no rate \"iops\"; there are bytes=SIZE and ops=N\n", 125},
		"rate twice":   {[]string{"--disk", "root:ops=1,ops=2"}, "hull: invalid argument \"root:ops=1,ops=2\" for \"--disk\" flag: \"root:ops=1,ops=2\": ops is given twice\n", 125},
		"no number":    {[]string{"--disk", "root:ops=-1"}, "hull: invalid argument \"root:ops=-1\" for \"--disk\" flag: \"root:ops=-1\": ops \"-1\": it is no number of operations\n", 125},
		"disk twice":   {[]string{"--disk", "root:ops=1", "--disk", "root:ops=2"}, "hull: invalid argument \"root:ops=2\" for \"--disk\" flag: disk \"root\" is given twice\n", 125},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances()}
			hull(t, f, append([]string{"update", "web"}, test.args...)...).want(t, "", test.stderr, test.status)
			wantCalls(t, f)
		})
	}
}

func FuzzParseDiskRates(f *testing.F) {
	for _, s := range []string{"root:bytes=10MiB,ops=100", "root:ops=1", ":", "a:bytes=0", "a:,", "a:bytes=99999999999TiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, rates, err := parseDiskRates(text)
		if err == nil && name == "" || err != nil && (name != "" || rates != instance.DiskRates{}) {
			t.Errorf("%q: disk %q, %+v, %v", text, name, rates, err)
		}
	})
}
