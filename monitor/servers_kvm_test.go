package monitor_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/internal/netnstest"
	"github.com/hullvm/hull/monitor/control"
)

// What servers and taps need of the monitor when devices are made is in its filter,
// and they end with the machine.
func TestServersAndTapsAreTakenOver(t *testing.T) {
	for name, test := range map[string]struct{ devices, want string }{
		"a share":        {"[[share]]\nname = 's'\npath = %q\n", "00:01.0 share s"},
		"a user network": {"[[net]]\nname = 'n'\npublish = ['0:80']\n", "00:01.0 net n"},
	} {
		t.Run(name, func(t *testing.T) {
			devices := test.devices
			if name == "a share" {
				devices = fmt.Sprintf(devices, t.TempDir())
			}
			taken(t, devices, test.want)
		})
	}
}

// A tap is made in a network namespace of the test's own. So there are no subtests.
func TestTapsAreTakenOver(t *testing.T) {
	guesttest.RequireDevice(t)
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		guesttest.Missing(t, err.Error())
	}
	netnstest.Enter(t)
	taken(t, "[[net]]\nname = 'n'\ntype = 'tap'\ntap = 'monitor0'\nqueues = 2\n[[net]]\nname = 'm'\ntype = 'tap'\ntap = 'monitor1'\n",
		"00:01.0 net n", "00:02.0 net m")
}

func taken(t *testing.T, devices string, want ...string) {
	t.Helper()
	m := start(t, asmSpin, devices, nil)
	ctx := timed(t)
	list, err := m.client.Devices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, fmt.Sprintf("%s %s %s", d.Address, d.Kind, d.Name))
		if d.Kind != "net" {
			continue
		}
		for _, up := range []bool{false, true} {
			if err := m.client.SetLink(ctx, control.Link{Name: d.Name, Up: up}); err != nil {
				t.Error(err)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("devices are %q, want %q", got, want)
	}
	if err := m.client.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.client.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	m.ends(control.Exit{Reason: "kill"})
	if err := m.host.Close(); err != nil {
		t.Errorf("what stood behind the devices: %v", err)
	}
}
