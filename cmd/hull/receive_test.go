package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/hullvm/hull/manager/instance"
)

// cancelled is what an engine says of what its context has ended.
func cancelled(ref string) error { return fmt.Errorf("instance %q: %w", ref, context.Canceled) }

func received(digits ...string) (list []*instance.Description) {
	for _, d := range digits {
		list = append(list, &instance.Description{ID: someID(d), Name: "web-" + d})
	}
	return list
}

func TestReceive(t *testing.T) {
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const defaults = ` name="" disks=[] expire=0s unconfined=false slow=false kvm=""`
	for name, test := range map[string]struct {
		args   []string
		calls  []string
		stdout string
		stderr string
	}{
		"plain": {
			[]string{"--listen", ":8476", "--plaintext"},
			[]string{"receive :8476 tls=plain" + defaults},
			someID("1") + "\n", "listening on :8476\n",
		},
		"certificates": {
			[]string{"--listen", "vm2", "--tls-ca", "ca.pem", "--tls-cert", "/tls/b.pem", "--tls-key", "/tls/b.key"},
			[]string{"receive vm2 tls=" + folder + "/ca.pem,/tls/b.pem,/tls/b.key," + defaults},
			someID("1") + "\n", "listening on vm2\n",
		},
		"everything": {
			[]string{
				"--listen", "unix:in.sock", "--name", "again", "--disk", "root=r.qcow2", "--disk", "data=/srv/a=b", "--expire", "10m",
				"--no-jail", "--slow-kvm", "--kvm", "/dev/kvm2",
			},
			[]string{`receive unix:` + folder + `/in.sock tls=plain name="again" disks=[data=/srv/a=b root=` + folder + `/r.qcow2] expire=10m0s unconfined=true slow=true kvm="/dev/kvm2"`},
			someID("1") + "\n", "listening on unix:" + folder + "/in.sock\n",
		},
		"three": {
			[]string{"--listen", ":1", "--plaintext", "-n", "3"},
			[]string{"receive :1 tls=plain" + defaults, "receive :1 tls=plain" + defaults, "receive :1 tls=plain" + defaults},
			someID("1") + "\n" + someID("2") + "\n" + someID("3") + "\n", "listening on :1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{}
			f.received = received("1", "2", "3")
			hull(t, f, append([]string{"receive"}, test.args...)...).want(t, test.stdout, test.stderr, 0)
			wantCalls(t, f, test.calls...)
		})
	}
}

func TestReceiveTellsOfThoseItRefuses(t *testing.T) {
	f := &fakeEngine{}
	f.received = received("1")
	f.refused = []error{errors.New("from 192.0.2.7: greeting: it has no certificate"), errors.New("describing: \x1b]0;owned\x07 disk \"root\": no such file")}
	hull(t, f, "receive", "--listen", "unix:/in").want(t, someID("1")+"\n",
		"listening on unix:/in\nhull: refused: from 192.0.2.7: greeting: it has no certificate\nhull: refused: describing: ?]0;owned? disk \"root\": no such file\n", 0)
}

// TestReceiveKeepsThePortThatWasChosen has the system choose one for the first.
func TestReceiveKeepsThePortThatWasChosen(t *testing.T) {
	f := &fakeEngine{}
	f.received, f.listens = received("1", "2"), "127.0.0.1:4711"
	hull(t, f, "receive", "--listen", "127.0.0.1:0", "--plaintext", "-n", "2").want(t, someID("1")+"\n"+someID("2")+"\n", "listening on 127.0.0.1:4711\n", 0)
	calls := strings.Join(f.asked(), "\n")
	if !strings.HasPrefix(calls, "receive 127.0.0.1:0 ") || !strings.Contains(calls, "\nreceive 127.0.0.1:4711 ") {
		t.Error(calls)
	}
}

func TestReceiveEndsWithASignal(t *testing.T) {
	f := &fakeEngine{}
	f.received = received("1", "2")
	got := interrupted(t, f, syscall.SIGINT, "receive", "receive", "--listen", "unix:/in", "-n", "0")
	got.want(t, someID("1")+"\n"+someID("2")+"\n", "listening on unix:/in\n", 128+int(syscall.SIGINT))
}

func TestReceiveRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		stderr string
		status int
	}{
		"argument":        {[]string{"web"}, "receive: 1 argument; usage: hull receive [flags]\n", 125},
		"no address":      {nil, "--listen is missing; :8476 is where hull migrate looks\n", 1},
		"unprotected":     {[]string{"--listen", ":8476"}, "--listen :8476: without certificates neither side knows the other, and the network reads along: give --tls-ca, --tls-cert and --tls-key (hull serve ca makes them), or --plaintext where the network is trusted\n", 1},
		"half protected":  {[]string{"--listen", ":8476", "--tls-cert", "c", "--tls-key", "k"}, "--tls-ca, --tls-cert and --tls-key belong together, and there is no --tls-ca\n", 1},
		"both":            {[]string{"--listen", ":8476", "--tls-ca", "a", "--tls-cert", "c", "--tls-key", "k", "--plaintext"}, "--plaintext is for going without certificates, and there are some\n", 1},
		"no such option":  {[]string{"--listen", ":8476", "--tls-name", "vm1"}, "unknown flag: --tls-name\n", 125},
		"odd address":     {[]string{"--listen", "a:b:c", "--plaintext"}, "--listen: address \"a:b:c\": too many colons: want HOST, HOST:PORT, [IPV6]:PORT or unix:PATH\n", 1},
		"name":            {[]string{"--listen", "unix:/in", "--name", "../x"}, "--name: name \"../x\": it may have letters, digits, '.', '_' and '-' only\n", 1},
		"disk":            {[]string{"--listen", "unix:/in", "--disk", "root"}, "invalid argument \"root\" for \"--disk\" flag: \"root\" is no disk with its path; write it as NAME=PATH\n", 125},
		"disk, no name":   {[]string{"--listen", "unix:/in", "--disk", "=/x"}, "invalid argument \"=/x\" for \"--disk\" flag: \"=/x\" is no disk with its path; write it as NAME=PATH\n", 125},
		"disk twice":      {[]string{"--listen", "unix:/in", "--disk", "a=b", "--disk", "a=c"}, "invalid argument \"a=c\" for \"--disk\" flag: disk \"a\" is given twice\n", 125},
		"negative expiry": {[]string{"--listen", "unix:/in", "--expire", "-1s"}, "expire -1s: it is negative\n", 1},
		"expiry":          {[]string{"--listen", "unix:/in", "--expire", "never"}, "invalid argument \"never\" for \"--expire\" flag: time: invalid duration \"never\"\n", 125},
		"negative count":  {[]string{"--listen", "unix:/in", "-n", "-1"}, "-n -1: it has to be 1 or more, or 0 for any number\n", 1},
		"names for many":  {[]string{"--listen", "unix:/in", "-n", "0", "--name", "web"}, "--name is one instance's, and -n is for several\n", 1},
		"disks for many":  {[]string{"--listen", "unix:/in", "-n", "2", "--disk", "a=b"}, "--disk is one instance's, and -n is for several\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{}
			hull(t, f, append([]string{"receive"}, test.args...)...).want(t, "", "hull: "+test.stderr, test.status)
			wantCalls(t, f)
		})
	}
	f := &fakeEngine{fail: map[string]error{"receive": &instance.Error{Kind: instance.KindFailed, Err: errors.New("listen on \":1\": address already in use")}}}
	hull(t, f, "receive", "--listen", ":1", "--plaintext").want(t, "", "hull: listen on \":1\": address already in use\n", 1)
}
