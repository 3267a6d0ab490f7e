package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

func TestPs(t *testing.T) {
	f := &fakeEngine{instances: someInstances()}
	hull(t, f, "ps", "-a").want(t, `
INSTANCE ID    KERNEL         COMMAND                  CREATED       STATUS                            PORTS                                             NAMES
111111111111   debian-cloud   "sh -c exec httpd -f…"   5 hours ago   Up 3 minutes                      127.0.0.1:8080->80/tcp, 127.0.0.1:8443->443/tcp   web
222222222222   debian-cloud   "/bin/sh"                5 hours ago   Up 3 minutes (Paused) (no jail)                                                     db
333333333333   debian-cloud   "/bin/sh"                5 hours ago   Up 3 minutes (Stopping)                                                             slow
444444444444   debian-cloud   "/bin/sh"                5 hours ago   Restarting (1) 5 seconds ago                                                        loop
555555555555   debian-cloud   "/bin/sh"                5 hours ago   Created                                                                             new
666666666666   debian-cloud   "/bin/sh"                5 hours ago   Exited (3) 5 seconds ago                                                            done
777777777777                                                         Unreadable                                                                          
`[1:], "", 0)
	wantCalls(t, f, "list all=true last=0 size=false ")
}

func TestPsForms(t *testing.T) {
	created := before(5 * time.Hour).Local().Format("2006-01-02 15:04:05 -0700 MST")
	for name, test := range map[string]struct {
		args   []string
		call   string
		stdout string
	}{
		"ids":            {[]string{"-q"}, "list all=false last=0 size=false ", "111111111111\n"},
		"whole ids":      {[]string{"-q", "--no-trunc"}, "list all=false last=0 size=false ", someID("1") + "\n"},
		"last":           {[]string{"-qn", "3"}, "list all=false last=3 size=false ", "111111111111\n"},
		"latest":         {[]string{"-ql"}, "list all=false last=1 size=false ", "111111111111\n"},
		"all of them":    {[]string{"-qn", "-1"}, "list all=false last=0 size=false ", "111111111111\n"},
		"filters":        {[]string{"-q", "-f", "status=running", "-f", "Status = paused", "--filter", "label=team=blue"}, "list all=false last=0 size=false label=team=blue status=running,paused", "111111111111\n"},
		"template":       {[]string{"--format", `{{.Names}} {{.State}}\t{{upper .Kernel}} {{.Label "team"}}{{.Label "none"}}`}, "list all=false last=0 size=false ", "web running\tDEBIAN-CLOUD blue\n"},
		"size by itself": {[]string{"--format", "{{.Size}}"}, "list all=false last=0 size=true ", "12.3MB\n"},
		"json function":  {[]string{"--format", "{{json .Labels}}"}, "list all=false last=0 size=false ", "\"env=test,team=blue\"\n"},
		"table of one's own": {
			[]string{"--format", `table {{.Names}}\t{{.Label "team"}}\t{{.CreatedAt}}`},
			"list all=false last=0 size=false ",
			"NAMES     team      CREATED AT\nweb       blue      " + created + "\n",
		},
		"whole": {
			[]string{"--no-trunc", "--format", "table {{.ID}}\t{{.Command}}"},
			"list all=false last=0 size=false ",
			"INSTANCE ID                                                        COMMAND\n" + someID("1") + "   \"sh -c exec httpd -f -p 80\"\n",
		},
		"size": {
			[]string{"-s", "--format", "table"},
			"list all=false last=0 size=true ",
			"INSTANCE ID    KERNEL         COMMAND                  CREATED       STATUS         PORTS                                             NAMES     SIZE\n" +
				"111111111111   debian-cloud   \"sh -c exec httpd -f…\"   5 hours ago   Up 3 minutes   127.0.0.1:8080->80/tcp, 127.0.0.1:8443->443/tcp   web       12.3MB\n",
		},
		"json": {
			[]string{"--format", "json"},
			"list all=false last=0 size=false ",
			`{"ID":"111111111111","Image":"debian-cloud","Kernel":"debian-cloud","Command":"\"sh -c exec httpd -f…\"","CreatedAt":"` + created +
				`","RunningFor":"5 hours ago","Ports":"127.0.0.1:8080->80/tcp, 127.0.0.1:8443->443/tcp","Status":"Up 3 minutes","State":"running","Size":"12.3MB","Names":"web","Labels":"env=test,team=blue"}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances()[:1]}
			hull(t, f, append([]string{"ps"}, test.args...)...).want(t, test.stdout, "", 0)
			wantCalls(t, f, test.call)
		})
	}
}

func TestPsWithoutInstancesHasItsHeader(t *testing.T) {
	hull(t, &fakeEngine{}, "ps").want(t, "INSTANCE ID   KERNEL    COMMAND   CREATED   STATUS    PORTS     NAMES\n", "", 0)
	hull(t, &fakeEngine{}, "ps", "--format", "json").want(t, "", "", 0)
}

func TestPsRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		stderr string
		status int
	}{
		"filter without value": {[]string{"-f", "running"}, "hull: invalid argument \"running\" for \"-f, --filter\" flag: \"running\" is no filter; write it as name=value, as in status=running\n", 125},
		"engine's refusal":     {nil, "hull: filter \"colour\": there is none of that name\n", 1},
		"no template":          {[]string{"--format", "{{.Names"}, "hull: --format \"{{.Names\": template: format:1: unclosed action\n", 1},
		"no such column":       {[]string{"--format", "table {{.Nmaes}}"}, "hull: --format \"table {{.Nmaes}}\": template: format:1:2: executing \"format\" at <.Nmaes>: map has no entry for key \"Nmaes\"\n", 1},
		"argument":             {[]string{"web"}, "hull: ps: 1 argument; usage: hull ps [flags]\n", 125},
		"last and latest":      {[]string{"-l", "-n", "2"}, "hull: if any flags in the group [last latest] are set none of the others can be; [last latest] were all set\n", 125},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{}
			if test.args == nil {
				f.fail = map[string]error{"list": &instance.Error{Kind: instance.KindInvalid, Err: errors.New(`filter "colour": there is none of that name`)}}
			}
			hull(t, f, append([]string{"ps"}, test.args...)...).want(t, "", test.stderr, test.status)
		})
	}
}

func TestPsShowsNothingThatATerminalObeys(t *testing.T) {
	list := someInstances()[:1]
	list[0].Command = []string{"\x1b]0;x\a", "a\tb\nc\u202e\xff"}
	list[0].Labels = map[string]string{"k": "\x1b[2J"}
	got := hull(t, &fakeEngine{instances: list}, "ps", "--no-trunc", "--format", "{{.Command}} {{.Labels}}")
	got.want(t, "\"?]0;x? a?b?c??\" k=?[2J\n", "", 0)
	if strings.ContainsAny(got.stdout, "\x1b\a") {
		t.Error("a terminal would obey it")
	}
}

func TestClockThatWasSetBack(t *testing.T) {
	list := someInstances()[:1]
	list[0].State.Started = testNow.Add(time.Hour)
	hull(t, &fakeEngine{instances: list}, "ps", "--format", "{{.Status}}").want(t, "Up Less than a second\n", "", 0)
}
