package peripherals

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio"
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
	s, err := Open(t.Context(), m, Options{})
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
	if s.Disks["b"] == nil || s.Vsock == nil || s.Console == nil || s.Balloon == nil {
		t.Error("a device cannot be reached by its name")
	}
	if err := s.Drain(0); err != nil {
		t.Errorf("drain: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if _, err := os.Lstat(filepath.Join(dir, "v.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestWhatCannotBeOpenedIsNamed(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	good := "[[disk]]\nname = 'good'\npath = '" + image + "'\nformat = 'raw'\n"
	for name, test := range map[string]struct{ devices, want string }{
		"a missing disk":      {good + "[[disk]]\nname = 'x'\npath = '/no/such'\nformat = 'raw'\n", `disk "x": disk "/no/such"`},
		"a disk twice":        {good + "[[disk]]\nname = 'x'\npath = '" + image + "'\nformat = 'raw'\n", "in use"},
		"a disk of no format": {good + "[[disk]]\nname = 'x'\npath = '" + dir + "/q'\nformat = 'qcow2'\n", `disk "x"`},
		"a share of nothing":  {good + "[[share]]\nname = 's'\npath = '/no/such'\n", `share "s": open "/no/such"`},
		"a share of a file":   {good + "[[share]]\nname = 's'\npath = '" + image + "'\n", "not a directory"},
		"no file server":      {good + "[[share]]\nname = 's'\npath = '" + dir + "'\n", "hull-fsd"},
		"no network server":   {good + "[[net]]\nname = 'n'\n", "hull-netd"},
		"a socket in no folder": {
			good + "[vsock]\npath = '/no/such/v.sock'\n", "vsock: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := descriptors(t)
			s, err := Open(t.Context(), machine(t, test.devices), Options{Programs: "/no/programs"})
			if err == nil {
				t.Fatal(errors.Join(errors.New("opened"), s.Close()))
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
