package bootconf

import (
	"strings"
	"testing"
)

func TestALabMemberStandsOnTheCommandLine(t *testing.T) {
	want := LabMember{Hostname: "host-1", MAC: "52:54:0a:d5:00:01", Address: "10.213.0.1/24"}
	got, err := FindLabMember("console=ttyS0 " + want.Word() + " quiet")
	if err != nil || got == nil || *got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if got, err := FindLabMember("console=ttyS0 xhull.lab=a"); got != nil || err != nil {
		t.Errorf("a command line without one: %+v, %v", got, err)
	}
}

func TestAWrongLabMemberIsRefused(t *testing.T) {
	for _, word := range []string{
		"hull.lab=", "hull.lab=a", "hull.lab=a,52:54:0a:d5:00:01,dhcp",
		"hull.lab=a,52:54:0a:d5:00:01,10.213.0.1", "hull.lab=a,52:54:0a:d5:00,10.213.0.1/24",
		"hull.lab=A,52:54:0a:d5:00:01,10.213.0.1/24", "hull.lab=,52:54:0a:d5:00:01,10.213.0.1/24",
		"hull.lab=a,52:54:0a:d5:00:01,fd00::1/64", "hull.lab=a,52:54:0a:d5:00:01,10.213.0.1/24,b",
		"hull.lab=" + strings.Repeat("a", 64) + ",52:54:0a:d5:00:01,10.213.0.1/24",
	} {
		if got, err := FindLabMember("quiet " + word); err == nil {
			t.Errorf("%q: %+v and no error", word, got)
		}
	}
}

func FuzzFindLabMember(f *testing.F) {
	f.Add("quiet hull.lab=a,52:54:0a:d5:00:01,10.213.0.1/24")
	f.Add("hull.lab=a,52:54:0a:d5:00:01,dhcp")
	f.Add("hull.lab=,,")
	f.Fuzz(func(t *testing.T, cmdline string) {
		m, err := FindLabMember(cmdline)
		if err != nil || m == nil {
			return
		}
		again, err := FindLabMember(m.Word())
		if err != nil || *again != *m {
			t.Errorf("%+v reads as %+v, %v", m, again, err)
		}
	})
}
