package peripherals

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/peripherals/host"
)

// machine parses a description that has the given devices.
func machine(t *testing.T, devices string) *configs.Machine {
	t.Helper()
	m, err := configs.Parse("test.toml", []byte("boot.kernel = 'k'\ninit.exec = ['/bin/sh']\n"+devices))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestDevicesAreMadeInTheOrderOfTheBus(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	m := machine(t, `
[[disk]]
name = "b"
path = "`+image+`"
format = "raw"
[vsock]
path = "`+filepath.Join(dir, "v.sock")+`"
[console]
output = "file"
path = "`+filepath.Join(dir, "console.log")+`"
[rng]
enabled = true
[balloon]
enabled = true
`)
	opened, err := host.Open(t.Context(), m, host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(m, opened.Files, Options{VsockHost: opened.VsockHost})
	if err != nil {
		t.Fatal(err)
	}
	var got []virtio.ID
	for _, d := range s.Devices {
		got = append(got, d.Device.ID())
	}
	want := []virtio.ID{virtio.IDBlock, virtio.IDVsock, virtio.IDConsole, virtio.IDEntropy, virtio.IDBalloon}
	if len(got) != len(want) || len(got) != m.PCIDevices() {
		t.Fatalf("devices are %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("device %d is %v, want %v", i, got[i], want[i])
		}
	}
	if got, want := fmt.Sprint(s.Labels), `[disk "b" vsock console rng balloon]`; got != want {
		t.Errorf("labels are %s, want %s", got, want)
	}
	if s.Disks["b"] == nil || s.Vsock == nil || s.Console == nil || s.Balloon == nil {
		t.Error("a device cannot be reached by its name")
	}
	if err := s.Drain(0); err != nil {
		t.Errorf("drain: %v", err)
	}
	for range 2 {
		if err := errors.Join(s.Close(), opened.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if _, err := os.Lstat(filepath.Join(dir, "v.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// What the description has and nobody opened is named, and so is what was opened
// and is in no description; nothing stays open of the rest.
func TestDescriptorsAndDescriptionHaveToAgree(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	good := "[[disk]]\nname = 'good'\npath = '" + image + "'\nformat = 'raw'\n"
	for name, test := range map[string]struct {
		devices string
		use     handover.Use // of one file more
		name    string
		want    string
	}{
		"no disk":                 {good + "[[disk]]\nname = 'x'\npath = '/x'\nformat = 'raw'\n", handover.Disk, "y", `disk "x": no descriptor`},
		"no share":                {good + "[[share]]\nname = 's'\npath = '/x'\n", handover.Share, "t", `share "s": no descriptor`},
		"no frames":               {good + "[[net]]\nname = 'n'\n", handover.Tap, "n", `net "n": no descriptor`},
		"no tap":                  {good + "[[net]]\nname = 'n'\ntype = 'tap'\ntap = 't'\n", handover.Frames, "n", `net "n": tap: no queues`},
		"a tap of a file":         {good + "[[net]]\nname = 'n'\ntype = 'tap'\ntap = 't'\n", handover.Tap, "n", `net "n": tap: `},
		"frames of a file":        {good + "[[net]]\nname = 'n'\n", handover.Frames, "n", `net "n": socket: `},
		"no listener":             {good + "[vsock]\npath = '/x'\n", handover.Broker, "", `vsock: no descriptor`},
		"a listener that is none": {good + "[vsock]\npath = '/x'\n", handover.Vsock, "", `vsock: descriptor of`},
		"no log":                  {good + "[console]\noutput = 'file'\npath = '/x'\n", handover.Serial, "", `console: no descriptor`},
		"a disk too many":         {good, handover.Disk, "x", `disk "x": no device wants them`},
	} {
		t.Run(name, func(t *testing.T) {
			before := descriptors(t)
			m := machine(t, test.devices)
			files := new(handover.Files)
			for _, add := range []struct {
				use  handover.Use
				name string
			}{{handover.Disk, "good"}, {test.use, test.name}} {
				f, err := os.OpenFile(image, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				files.Add(add.use, add.name, f)
			}
			s, err := New(m, files, Options{})
			if err == nil {
				t.Fatal(errors.Join(errors.New("made"), s.Close()))
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}
