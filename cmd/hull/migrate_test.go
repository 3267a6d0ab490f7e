package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/httpapi"
	"github.com/hullvm/hull/manager/instance"
)

func movingEngine() *fakeEngine { return &fakeEngine{instances: someInstances()} }

// someMove is what an engine tells of on the way.
func someMove() []manager.MigrationProgress {
	return []manager.MigrationProgress{
		{Phase: "describing", Total: 512 << 20, Left: 512 << 20},
		{Phase: "copying", Round: 1, Total: 512 << 20, Left: 128 << 20, Sent: 384 << 20, Rate: 400 << 20},
		{Phase: "handed-over", Round: 3, Total: 512 << 20, Sent: 640 << 20},
	}
}

const movedReport = `web runs at vm2
  time       2.34s, 3 rounds
  memory     640MiB, 211MiB on the network
  downtime   23.4ms: pause 1ms, last pass 12ms, state 3ms, load 5ms, resume 2.41ms
`

func TestMigrate(t *testing.T) {
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const plain = " n=0 auto 0/s downtime=50ms throttle=0 timeout=0s keep=false verify=false"
	for name, test := range map[string]struct {
		args   []string
		call   string
		stdout string
	}{
		"plain":    {[]string{"web", "--to", "vm2", "--plaintext"}, "migrate web to=vm2 tls=plain" + plain, movedReport},
		"a socket": {[]string{"--to", "unix:/run/in.sock", "web"}, "migrate web to=unix:/run/in.sock tls=plain" + plain, strings.Replace(movedReport, "vm2", "unix:/run/in.sock", 1)},
		"a socket of this folder": {
			[]string{"--to", "unix:in.sock", "--format", "{{.To}}", "web"},
			"migrate web to=unix:" + folder + "/in.sock tls=plain" + plain, "unix:" + folder + "/in.sock\n",
		},
		"certificates": {
			[]string{"web", "--to=vm2", "--tls-ca", "ca.pem", "--tls-cert", "/tls/a.pem", "--tls-key", "../a.key", "--tls-name", "b"},
			"migrate web to=vm2 tls=" + folder + "/ca.pem,/tls/a.pem," + filepath.Dir(folder) + "/a.key,b" + plain, movedReport,
		},
		"everything": {
			[]string{
				"web", "--to", "[::1]:99", "--plaintext", "--downtime", "30ms", "--bandwidth", "100MiB", "--connections", "4", "--compression", "zstd",
				"--throttle", "50", "--timeout", "10m", "--keep", "--verify", "--format", "{{.Name}} {{.Rounds}} {{.Downtime}} {{.Parts.LastPass}}",
			},
			"migrate web to=[::1]:99 tls=plain n=4 zstd 104857600/s downtime=30ms throttle=50 timeout=10m0s keep=true verify=true", "web 3 23.412ms 12ms\n",
		},
		"cancel":          {[]string{"--cancel", "web"}, "cancel-migration web", "web\n"},
		"it runs there":   {[]string{"--resolve", "target", "web"}, "resolve-migration web target", "web\n"},
		"it goes on here": {[]string{"web", "--resolve=source"}, "resolve-migration web source", "web\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := movingEngine()
			f.moving = someMove()
			hull(t, f, append([]string{"migrate"}, test.args...)...).want(t, test.stdout, "", 0)
			wantCalls(t, f, test.call)
		})
	}
}

func TestMigrateRefuses(t *testing.T) {
	const usage = "; usage: hull migrate REF [flags]\n"
	for name, test := range map[string]struct {
		args   []string
		stderr string
		status int
	}{
		"nothing":             {nil, "migrate: 0 arguments" + usage, 125},
		"two":                 {[]string{"web", "db"}, "migrate: 2 arguments" + usage, 125},
		"no purpose":          {[]string{"web"}, "it is not said what to do; give one of --to, --cancel, --resolve\n", 1},
		"two purposes":        {[]string{"web", "--to", "vm2", "--cancel"}, "--cancel and --to are different things to do\n", 1},
		"cancel and more":     {[]string{"web", "--cancel", "--keep", "--downtime", "1s"}, "--cancel goes without --downtime, --keep\n", 1},
		"resolve and more":    {[]string{"web", "--resolve", "source", "--plaintext"}, "--resolve goes without --plaintext\n", 1},
		"no side":             {[]string{"web", "--resolve", "both"}, "--resolve \"both\": the machine is at the source or at the target\n", 1},
		"empty side":          {[]string{"web", "--resolve", ""}, "--resolve \"\": the machine is at the source or at the target\n", 1},
		"unprotected":         {[]string{"web", "--to", "vm2"}, "--to vm2: without certificates neither side knows the other, and the network reads along: give --tls-ca, --tls-cert and --tls-key (hull serve ca makes them), or --plaintext where the network is trusted\n", 1},
		"half protected":      {[]string{"web", "--to", "vm2", "--tls-ca", "ca.pem"}, "--tls-ca, --tls-cert and --tls-key belong together, and there is no --tls-cert, no --tls-key\n", 1},
		"a name alone":        {[]string{"web", "--to", "vm2", "--tls-name", "vm2"}, "--tls-ca, --tls-cert and --tls-key belong together, and there is no --tls-ca, no --tls-cert, no --tls-key\n", 1},
		"both":                {[]string{"web", "--to", "vm2", "--plaintext", "--tls-key", "k"}, "--plaintext is for going without certificates, and there are some\n", 1},
		"certified socket":    {[]string{"web", "--to", "unix:/in", "--tls-ca", "/a", "--tls-cert", "/b", "--tls-key", "/c"}, "TLS: a unix socket is reached on its own host only, and has none\n", 1},
		"odd name":            {[]string{"web", "--to", "vm2", "--tls-ca", "/a", "--tls-cert", "/b", "--tls-key", "/c", "--tls-name", "a b"}, "TLS: name: host \"a b\": want a name or an IP address\n", 1},
		"empty address":       {[]string{"web", "--to", ""}, "--to: address \"\": it is empty: want HOST, HOST:PORT, [IPV6]:PORT or unix:PATH\n", 1},
		"empty path":          {[]string{"web", "--to", "unix:"}, "--to: address \"unix:\": there is no path after the colon\n", 1},
		"no host":             {[]string{"web", "--to", ":99", "--plaintext"}, "address \":99\": it names no host and port to go to\n", 1},
		"no port":             {[]string{"web", "--to", "vm2:http", "--plaintext"}, "--to: address \"vm2:http\": port \"http\": want a number from 0 to 65535\n", 1},
		"connections":         {[]string{"web", "--to", "vm2", "--plaintext", "--connections", "9"}, "connections 9: there have to be 1 to 8, or 0 to have them chosen\n", 1},
		"compression":         {[]string{"web", "--to", "vm2", "--plaintext", "--compression", "gzip"}, "compression \"gzip\": it is none of auto, none, lz4, zstd\n", 1},
		"throttle":            {[]string{"web", "--to", "vm2", "--plaintext", "--throttle", "100"}, "throttle 100: it has to be from 0 to 99 percent\n", 1},
		"bandwidth":           {[]string{"web", "--to", "vm2", "--plaintext", "--bandwidth", "fast"}, "--bandwidth: size \"fast\": ", 1},
		"no downtime":         {[]string{"web", "--to", "vm2", "--plaintext", "--downtime", "0"}, "--downtime 0s: the guest is held for some time at least; leave it out to have 50ms\n", 1},
		"negative downtime":   {[]string{"web", "--to", "vm2", "--plaintext", "--downtime", "-1s"}, "downtime -1s: it is negative\n", 1},
		"downtime, no number": {[]string{"web", "--to", "vm2", "--plaintext", "--downtime", "soon"}, "invalid argument \"soon\" for \"--downtime\" flag: time: invalid duration \"soon\"\n", 125},
		"negative timeout":    {[]string{"web", "--to", "vm2", "--plaintext", "--timeout", "-1s"}, "timeout -1s: it is negative\n", 1},
		"table":               {[]string{"web", "--to", "vm2", "--plaintext", "--format", "table"}, "--format \"table\": one report makes no table; take json or a template\n", 1},
		"no template":         {[]string{"web", "--to", "vm2", "--plaintext", "--format", "{{"}, "--format \"{{\": template: ", 1},
		"no instance":         {[]string{"nobody", "--to", "vm2", "--plaintext"}, "instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1},
		"nothing to cancel":   {[]string{"nobody", "--cancel"}, "instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1},
		"nothing to resolve":  {[]string{"nobody", "--resolve", "target"}, "instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := movingEngine()
			got := hull(t, f, append([]string{"migrate"}, test.args...)...)
			if got.stdout != "" || got.status != test.status || !strings.HasPrefix(got.stderr, "hull: "+test.stderr) {
				t.Errorf("%+v, want status %d, %q", got, test.status, test.stderr)
			}
			if calls := f.asked(); len(calls) > 0 && !strings.Contains(calls[0], "nobody") {
				t.Errorf("the engine was asked for %q", calls)
			}
		})
	}
}

// TestAFailedMoveSaysWhereTheMachineIs has moves fail on the way, with an instance in
// each state that it may be left in.
func TestAFailedMoveSaysWhereTheMachineIs(t *testing.T) {
	failure := &instance.Error{Kind: instance.KindFailed, Err: errors.New("instance \"x\": migrate: copying: the target says: \x1b[2Jdisk full")}
	const said = `hull: instance "x": migrate: copying: the target says: ?[2Jdisk full`
	for name, test := range map[string]struct {
		status instance.Status
		stderr string
	}{
		"web":  {instance.Running, "the guest goes on here"},
		"db":   {instance.Paused, "the guest is here, and paused"},
		"done": {instance.Exited, "the instance is here, and exited"},
		"left": {instance.HandedOver, "the machine was handed over to vm2:8476, which has not said that it runs; look there, and when it is sure:\n" +
			"  hull migrate --resolve source left   it does not run there, and never will: it goes on here\n" +
			"  hull migrate --resolve target left   it runs there: it is forgotten here"},
		"away": {"", "the instance is not here any more"},
	} {
		t.Run(name, func(t *testing.T) {
			f := movingEngine()
			f.instances[4].Name = "left"
			handOver(f, 4, "vm2:8476")
			f.moving = someMove()
			f.fail = map[string]error{"migrate": failure}
			hull(t, f, "migrate", name, "--to", "vm2", "--plaintext").want(t, "", said+"; "+test.stderr+"\n", 1)
		})
	}
	// One that has not begun says only why.
	f := movingEngine()
	f.fail = map[string]error{"migrate": wrongState("new", "migrate", "it is not running")}
	hull(t, f, "migrate", "new", "--to", "vm2", "--plaintext").want(t, "", "hull: instance \"new\": migrate: it is not running\n", 1)
	// Where it cannot be said, the failure stands alone.
	f = movingEngine()
	f.moving = someMove()
	f.fail = map[string]error{"migrate": failure, "inspect": errors.New("no")}
	hull(t, f, "migrate", "web", "--to", "vm2", "--plaintext").want(t, "", said+"\n", 1)
}

func TestMigrateTooLateToCancel(t *testing.T) {
	f := movingEngine()
	f.fail = map[string]error{"cancel-migration": wrongState("web", "cancel the move", "the machine is handed over")}
	hull(t, f, "migrate", "--cancel", "web").want(t, "", "hull: instance \"web\": cancel the move: the machine is handed over\n", 1)
}

// TestMigrateTellsPrograms has the same lines as the server.
func TestMigrateTellsPrograms(t *testing.T) {
	lines := func(o outcome) (list []httpapi.MigrateLine) {
		t.Helper()
		for text := range strings.Lines(o.stdout) {
			var l httpapi.MigrateLine
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Fatal(err)
			}
			list = append(list, l)
		}
		return list
	}
	f := movingEngine()
	f.moving = someMove()
	got := hull(t, f, "migrate", "web", "--to", "vm2", "--plaintext", "--format", "json")
	list := lines(got)
	if got.status != 0 || got.stderr != "" || len(list) != 4 || *list[1].Progress != f.moving[1] || *list[3].Report != *testReport("vm2") {
		t.Errorf("%+v", got)
	}
	f = movingEngine()
	f.moving = someMove()[:1]
	f.fail = map[string]error{"migrate": &instance.Error{Kind: instance.KindUnsupported, Err: errors.New("the target has no such processor")}}
	got = hull(t, f, "migrate", "web", "--to", "vm2", "--plaintext", "--format", "json")
	list = lines(got)
	if got.status != 1 || len(list) != 2 || *list[1].Error != (httpapi.Failure{Kind: instance.KindUnsupported, Message: "the target has no such processor"}) ||
		got.stderr != "hull: the target has no such processor; the guest goes on here\n" {
		t.Errorf("%+v", got)
	}
}

// interrupted runs hull until the engine was asked, and then a signal comes.
func interrupted(t *testing.T, f *fakeEngine, s syscall.Signal, verb string, args ...string) outcome {
	t.Helper()
	guardSignals(t, s)
	a, stdout, stderr := hullApp(f, nil, nil)
	done := make(chan int, 1)
	go func() { done <- a.main(t.Context(), args) }()
	for deadline := time.Now().Add(time.Minute); !strings.HasPrefix(strings.Join(f.asked(), " "), verb); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the engine is not asked")
		}
	}
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
	select {
	case status := <-done:
		return outcome{stdout.String(), stderr.String(), status}
	case <-time.After(time.Minute):
		t.Fatal("hull goes on")
		return outcome{}
	}
}

func TestASignalCancelsAMove(t *testing.T) {
	late := fmt.Errorf("instance %q: migrate: handed over: nothing was heard", "web")
	for name, test := range map[string]struct {
		signal syscall.Signal
		ends   error
		status instance.Status
		stderr string
	}{
		"in time":   {syscall.SIGINT, cancelled("web"), instance.Running, "hull: instance \"web\": migrate: interrupted by SIGINT; the guest goes on here\n"},
		"by SIGHUP": {syscall.SIGHUP, cancelled("web"), instance.Running, "hull: instance \"web\": migrate: interrupted by SIGHUP; the guest goes on here\n"},
		"too late": {
			syscall.SIGTERM, late, instance.HandedOver,
			"hull: instance \"web\": migrate: handed over: nothing was heard; the machine was handed over to another host, which has not said that it runs; " + resolveHint("web") + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := movingEngine()
			f.moves, f.moveEnds = make(chan struct{}), test.ends
			f.instances[0].State.Status = test.status
			interrupted(t, f, test.signal, "migrate", "migrate", "web", "--to", "vm2", "--plaintext").want(t, "", test.stderr, 128+int(test.signal))
		})
	}
}

func TestResolveIsShownWhereItIsNeeded(t *testing.T) {
	f := movingEngine()
	handOver(f, 0, "vm2\x1b[2J:99")
	f.instances[1].State.Status = instance.Receiving
	hull(t, f, "inspect", "--format", "{{.State.Status}}", "web", "db").want(t, "handed-over\nreceiving\n",
		"hull: instance \"web\" was handed over to vm2?[2J:99, and it is not known whether it runs there; "+resolveHint("web")+"\n", 0)
	hull(t, f, "ps", "-a", "--format", "{{.Names}}: {{.Status}}", "-f", "x=y").want(t,
		"web: Handed over to vm2?[2J:99\ndb: Receiving\nslow: Up 3 minutes (Stopping)\nloop: Restarting (1) 5 seconds ago\nnew: Created\ndone: Exited (3) 5 seconds ago\n: Unreadable\n", "", 0)
}

// handOver has an instance be one that was handed over.
func handOver(f *fakeEngine, i int, peer string) {
	st := &f.instances[i].State
	st.Status, st.Migration = instance.HandedOver, &instance.Migration{Role: instance.Source, Peer: peer}
}

func TestStatusOfOneThatWasHandedOver(t *testing.T) {
	for peer, want := range map[string]string{
		"vm2.example.org:8476":   "vm2.example.org",
		"vm2":                    "vm2",
		"[2001:db8::1]:99":       "2001:db8::1",
		"unix:/in.sock":          "unix:/in.sock",
		"":                       "another host",
		strings.Repeat("n", 200): strings.Repeat("n", maxPeer-1) + "…",
	} {
		s := &manager.Summary{State: instance.State{Status: instance.HandedOver, Migration: &instance.Migration{Peer: peer}}}
		if got := statusText(s, time.Now()); got != "Handed over to "+want {
			t.Errorf("%q: %q", peer, got)
		}
	}
	if got := statusText(&manager.Summary{State: instance.State{Status: instance.HandedOver}}, time.Now()); got != "Handed over to another host" {
		t.Error(got)
	}
}

func TestMoveText(t *testing.T) {
	for _, test := range []struct {
		p    manager.MigrationProgress
		want string
	}{
		{manager.MigrationProgress{Phase: "greeting"}, "web greeting [..............]   0%, 0B left, 0B/s"},
		{someMove()[1], "web round 1 [##########....]  75%, 128MiB left, 400MiB/s"},
		{someMove()[2], "web handed-over [##############] 100%, 0B left, 0B/s"},
		{manager.MigrationProgress{Phase: "copying", Total: 1, Left: 5}, "web round 1 [..............]   0%, 5B left, 0B/s"},
	} {
		if got := moveText("web", test.p); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
	longest := manager.MigrationProgress{Phase: "handed-over", Total: 1 << 60, Left: 1<<60 - 1, Rate: 1023<<50 + 1<<49}
	if n := len(moveText(strings.Repeat("n", moveBarName), longest)); n >= 80 {
		t.Errorf("the longest line has %d columns", n)
	}
}

// TestAMoveIsShownOnATerminal has a bar that is written over, and gone in the end.
func TestAMoveIsShownOnATerminal(t *testing.T) {
	person, tty := testTerminal(t)
	f := movingEngine()
	f.moving = someMove()
	a, stdout, _ := hullApp(f, nil, nil)
	a.Stderr = tty
	now := testNow
	a.Now = func() time.Time {
		now = now.Add(barInterval)
		return now
	}
	if status := a.main(t.Context(), []string{"migrate", "web", "--to", "vm2", "--plaintext"}); status != 0 || stdout.String() != movedReport {
		t.Errorf("status %d, %q", status, stdout.String())
	}
	const last = "\rweb handed-over [##############] 100%, 0B left, 0B/s"
	want := "\rweb describing [..............]   0%, 512MiB left, 0B/s" +
		"\rweb round 1 [##########....]  75%, 128MiB left, 400MiB/s" + last + "    " +
		"\r" + strings.Repeat(" ", len(last)-1) + "\r"
	b := make([]byte, 1000)
	got := ""
	_ = person.SetReadDeadline(time.Now().Add(time.Minute))
	for len(got) < len(want) {
		n, err := person.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got += string(b[:n])
	}
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 999: "999ns", 1234567: "1.23ms", 23412 * time.Microsecond: "23.4ms", 999999: "1ms", 2341 * time.Millisecond: "2.34s", 75*time.Second + 432*time.Millisecond: "1m15.4s",
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

func TestMigrateCompletes(t *testing.T) {
	f := movingEngine()
	f.instances[4].Name = "left"
	handOver(f, 4, "vm2:8476")
	for want, args := range map[string][]string{
		"web db":             {"migrate", ""},
		"left":               {"migrate", "--resolve", "source", ""},
		"":                   {"migrate", "web", ""},
		"auto none lz4 zstd": {"migrate", "--compression", ""},
		"source target":      {"migrate", "--resolve", ""},
		"json":               {"migrate", "--format", ""},
	} {
		got := hull(t, f, append([]string{"__complete"}, args...)...)
		var words []string
		for line := range strings.Lines(got.stdout) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
				words = append(words, word)
			}
		}
		if strings.Join(words, " ") != want {
			t.Errorf("%q: %q, want %q", args, words, want)
		}
	}
}
