package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/peripherals/handover"
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

func TestWhatCannotBeOpenedIsNamed(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	good := "[[disk]]\nname = 'good'\npath = '" + image + "'\nformat = 'raw'\n"
	for name, test := range map[string]struct{ devices, want string }{
		"a missing disk":              {good + "[[disk]]\nname = 'x'\npath = '/no/such'\nformat = 'raw'\n", `disk "x": disk "/no/such"`},
		"a disk twice":                {good + "[[disk]]\nname = 'x'\npath = '" + image + "'\nformat = 'raw'\n", "in use"},
		"a disk of no format":         {good + "[[disk]]\nname = 'x'\npath = '" + dir + "/q'\nformat = 'qcow2'\n", `disk "x"`},
		"a share of nothing":          {good + "[[share]]\nname = 's'\npath = '/no/such'\n", `share "s": open "/no/such"`},
		"a share of a file":           {good + "[[share]]\nname = 's'\npath = '" + image + "'\n", "not a directory"},
		"no file server":              {good + "[[share]]\nname = 's'\npath = '" + dir + "'\n", "hull-fsd"},
		"no network server":           {good + "[[net]]\nname = 'n'\n", "hull-netd"},
		"a console that nobody reads": {good + "[console]\noutput = 'file'\npath = '" + fifo + "'\n", "nobody reads it"},
		"a socket in no folder": {
			good + "[vsock]\npath = '/no/such/v.sock'\n", "vsock: ",
		},
	} {
		for _, monitor := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, monitor %v", name, monitor), func(t *testing.T) {
				before := descriptors(t)
				h, err := Open(t.Context(), machine(t, test.devices), Options{Programs: "/no/programs", Monitor: monitor, KVM: os.DevNull})
				if err == nil {
					t.Fatal(errors.Join(errors.New("opened"), h.Close()))
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
}

// What a monitor's process is handed is listed, and the guest's connections are
// made by a broker here.
func TestAMonitorIsHandedEverything(t *testing.T) {
	dir := t.TempDir()
	base, top := filepath.Join(dir, "base"), filepath.Join(dir, "top")
	if err := errors.Join(
		disk.Create(base, disk.CreateOptions{Format: disk.Raw, Size: 1 << 20}),
		disk.Create(top, disk.CreateOptions{Format: disk.QCOW2, Size: 1 << 20, Backing: "base", BackingFormat: disk.Raw}),
	); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	socket := filepath.Join(dir, "v.sock")
	m := machine(t, `
[serial]
output = "file"
path = "`+filepath.Join(dir, "serial.log")+`"
[console]
output = "file"
path = "`+filepath.Join(dir, "console.log")+`"
[[disk]]
name = "b"
path = "`+top+`"
format = "qcow2"
backing = ["`+dir+`"]
[vsock]
path = "`+socket+`"
`)
	h, err := Open(t.Context(), m, Options{Monitor: true, KVM: os.DevNull})
	if err != nil {
		t.Fatal(err)
	}
	manifest, files := h.Files.Manifest()
	if err := manifest.Check(); err != nil {
		t.Error(err)
	}
	got := fmt.Sprint(manifest)
	want := fmt.Sprint(handover.Manifest{
		{Use: handover.Disk, Name: "b", Files: []string{top, base}},
		{Use: handover.Broker, Files: []string{"broker of " + socket}},
		{Use: handover.Vsock, Files: []string{files[3].Name()}},
		{Use: handover.Console, Files: []string{filepath.Join(dir, "console.log")}},
		{Use: handover.Serial, Files: []string{filepath.Join(dir, "serial.log")}},
		{Use: handover.KVM, Files: []string{os.DevNull}},
	})
	if got != want {
		t.Errorf("the manifest is\n%s, want\n%s", got, want)
	}
	if h.VsockHost != nil {
		t.Error("connections are to be made without the broker")
	}
	asker, err := unixsock.NewAsker(h.Files.TakeOne(handover.Broker, ""))
	if err != nil {
		t.Fatal(err)
	}
	l, err := unixsock.Listen(socket + "_9")
	if err != nil {
		t.Fatal(err)
	}
	c, err := asker.Dial(t.Context(), 9)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Close(), l.Close(), asker.Close(), h.Close()); err != nil {
		t.Error(err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// A socket that another machine has put in the place of one whose machine is gone
// stays.
func TestAnothersSocketStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.sock")
	h, err := Open(t.Context(), machine(t, "[vsock]\npath = '"+path+"'\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Files.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := unixsock.Listen(path) // the other was abandoned
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}
