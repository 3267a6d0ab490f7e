package startup

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/peripherals/handover"
)

var sample = Config{
	Machine: "name = \"x\"\n", Cmdline: "console=ttyS0", AllowSlowKVM: true, Verbose: true, Incoming: true,
	Manifest: handover.Manifest{{Use: handover.Kernel, Files: []string{"/boot/vmlinux"}}},
}

func TestAConfigurationComesAcross(t *testing.T) {
	text, err := sample.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, sample) {
		t.Errorf("%+v became %+v", sample, got)
	}
	big := sample
	big.Machine = strings.Repeat("x", MaxConfig)
	if _, err := big.Encode(); err == nil {
		t.Error("one that is too large is written")
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                                 "there is none",
		`{"machine":"","doors":1}`:         `unknown field "doors"`,
		`{} {}`:                            "something follows",
		`{"manifest":[{"use":"door"}]}`:    "no such use",
		`[]`:                               "cannot unmarshal",
		strings.Repeat(" ", MaxConfig+100): "more than",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func TestArguments(t *testing.T) {
	known := []string{"user", "mount"}
	for _, a := range []Arguments{{Unjailed: true}, {}, {Namespaces: []string{"user"}}, {Namespaces: known}} {
		got, err := ParseArguments(a.List(), known, io.Discard)
		if err != nil || got.Unjailed != a.Unjailed || !slices.Equal(got.Namespaces, a.Namespaces) {
			t.Errorf("%q became %+v, %v", a.List(), got, err)
		}
	}
	for _, args := range [][]string{{"more"}, {"-namespaces=door"}, {"-namespaces=user,"}, {"-nonsense"}} {
		if _, err := ParseArguments(args, known, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestEndings(t *testing.T) {
	long := strings.Repeat("\x01", maxEnding)
	for _, e := range []Ending{
		{Failed: "no"},
		{Failed: long},
		{Exit: &control.Exit{Reason: "reset", Status: &control.GuestStatus{Signal: 9}, Error: "so"}},
		{Exit: &control.Exit{Reason: "internal error", Error: long}},
	} {
		var b bytes.Buffer
		if err := WriteEnding(&b, e); err != nil {
			t.Fatal(err)
		}
		if strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%.80q is not one line", b.String())
		}
		got, err := ReadEnding(&b)
		if err != nil {
			t.Fatal(err)
		}
		short := (e.Exit == nil && e.Failed != long) || (e.Exit != nil && e.Exit.Error != long)
		if short && !reflect.DeepEqual(got, e) {
			t.Errorf("%+v became %+v", e, got)
		}
	}
	for _, text := range []string{"", "{}", "{\"failed\":\"x\",\"exit\":{\"reason\":\"y\"}}", "x", strings.Repeat(" ", maxEnding+1), `{"failed":"x"}{}`} {
		if e, err := ReadEnding(strings.NewReader(text)); !errors.Is(err, ErrNoEnding) {
			t.Errorf("%.40q is read as %+v, %v", text, e, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	text, err := sample.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"machine":"","cmdline":"","manifest":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, err := c.Encode()
		if err != nil {
			return // escapes made it too long
		}
		back, err := Read(bytes.NewReader(again))
		if err != nil || back.Machine != c.Machine || back.Manifest.Count() != c.Manifest.Count() {
			t.Errorf("%q comes back as %+v, %v", again, back, err)
		}
	})
}

func FuzzReadEnding(f *testing.F) {
	f.Add([]byte(`{"exit":{"reason":"power-off"}}` + "\n"))
	f.Add([]byte(`{"failed":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := ReadEnding(bytes.NewReader(text))
		if err == nil && (e.Exit == nil) == (e.Failed == "") {
			t.Errorf("%q is read as %+v", text, e)
		}
	})
}
