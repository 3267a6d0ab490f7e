package launch

import (
	"encoding/json"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/migrate"
	"github.com/hullvm/hull/migrate/wire"
)

const memory = 256 << 20

// described is what a source says of a machine; change spoils it.
func described(t testing.TB, change func(*instance.Description)) []byte {
	t.Helper()
	config, err := configs.Parse("box.toml", []byte(`
name = "box"
boot.kernel = "/k"
init.exec = ["/bin/sh"]
memory.size = "256MiB"
[vsock]
path = "/run/source/v.sock"
[[disk]]
name = "root"
path = "/images/root"
format = "raw"
[[net]]
name = "lan"
`))
	if err != nil {
		t.Fatal(err)
	}
	d := &instance.Description{
		Version: 1, ID: strings.Repeat("ab", 32), Name: "box", Created: time.Unix(1, 0), Machine: string(configs.Render(config)), Restart: "no",
		Snapshot: &instance.FromSnapshot{Name: "there"}, KVM: "/dev/theirs", SlowKVM: true, Unconfined: true,
	}
	if change != nil {
		change(d)
	}
	text, err := json.Marshal(parcel{Description: d, Paused: true})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unpack(o supervisor.Receive, text []byte, size uint64) (*instance.Description, *parcel, error) {
	r := &ReceiveOptions{Dirs: manager.Dirs{Run: "/run/here"}, Options: o}
	return r.unpack(&migrate.Incoming{Describe: wire.Describe{Instance: text, MemorySize: size}})
}

func TestAMachineIsMadeOneOfThisHost(t *testing.T) {
	for _, o := range []supervisor.Receive{
		{},
		{Name: "other", Disks: map[string]string{"root": "/here/root"}, KVM: "/dev/kvm", SlowKVM: true},
	} {
		d, p, err := unpack(o, described(t, nil), memory)
		if err != nil {
			t.Fatal(err)
		}
		name, path := "box", "/images/root"
		if o.Name != "" {
			name, path = "other", "/here/root"
		}
		if d.Name != name || d.KVM != o.KVM || d.SlowKVM != o.SlowKVM || d.Unconfined || d.Snapshot != nil || d.ID != strings.Repeat("ab", 32) || !p.Paused {
			t.Errorf("%+v, %+v", d, p)
		}
		m, err := d.Config()
		if err != nil {
			t.Fatal(err)
		}
		if m.Name != name || m.Disks[0].Path != path || m.Vsock.Path != filepath.Join("/run/here/instances", d.ID[:12], "vsock.sock") {
			t.Errorf("%s", d.Machine)
		}
		// The guest has its address already, whatever it is called here.
		theirs := (&configs.Net{Name: "lan"}).HardwareAddr("box")
		if m.Nets[0].MAC != net.HardwareAddr(theirs[:]).String() {
			t.Errorf("address %q", m.Nets[0].MAC)
		}
	}
}

func TestAHostileParcelIsRefused(t *testing.T) {
	good := described(t, nil)
	changed := func(f func(*instance.Description)) []byte { return described(t, f) }
	for name, c := range map[string]struct {
		text []byte
		size uint64
		o    supervisor.Receive
		want string
	}{
		"nothing":               {nil, memory, supervisor.Receive{}, "description"},
		"no JSON":               {[]byte("{]"), memory, supervisor.Receive{}, "description"},
		"null":                  {[]byte("null"), memory, supervisor.Receive{}, "no description"},
		"no description":        {[]byte(`{"description":null}`), memory, supervisor.Receive{}, "no description"},
		"an empty one":          {[]byte(`{"description":{}}`), memory, supervisor.Receive{}, "version 0"},
		"a later version":       {changed(func(d *instance.Description) { d.Version = 99 }), memory, supervisor.Receive{}, "version 99"},
		"an id that is a path":  {changed(func(d *instance.Description) { d.ID = "../../etc" }), memory, supervisor.Receive{}, "id"},
		"no name":               {changed(func(d *instance.Description) { d.Name = "" }), memory, supervisor.Receive{}, "no name"},
		"a name that is a path": {changed(func(d *instance.Description) { d.Name = "../x" }), memory, supervisor.Receive{}, "name"},
		"a bad name here":       {good, memory, supervisor.Receive{Name: "-x"}, "name"},
		"no machine":            {changed(func(d *instance.Description) { d.Machine = "" }), memory, supervisor.Receive{}, "no machine"},
		"no machine file":       {changed(func(d *instance.Description) { d.Machine = "[[[" }), memory, supervisor.Receive{}, "its machine"},
		"less memory":           {good, memory - 1, supervisor.Receive{}, "bytes of memory"},
		"more memory":           {good, 1 << 60, supervisor.Receive{}, "bytes of memory"},
		"a great balloon":       {changed(func(d *instance.Description) { d.Balloon = 1 << 60 }), memory, supervisor.Receive{}, "balloon"},
		"a disk that is not":    {good, memory, supervisor.Receive{Disks: map[string]string{"data": "/d"}}, `disk "data"`},
		"a disk of no path":     {good, memory, supervisor.Receive{Disks: map[string]string{"root": ""}}, "path"},
	} {
		if d, _, err := unpack(c.o, c.text, c.size); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %q", name, d, err, c.want)
		}
	}
}

// FuzzUnpack has a source say anything: what is taken is a machine of this host.
func FuzzUnpack(f *testing.F) {
	good := described(f, nil)
	for _, text := range [][]byte{good, good[:len(good)/2], []byte("null"), []byte(`{"description":{"version":1}}`)} {
		f.Add(text, uint64(memory))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint64) {
		d, _, err := unpack(supervisor.Receive{}, text, size)
		if err != nil {
			return
		}
		m, err := d.Config()
		if err != nil || m.Validate() != nil || m.Name != d.Name || uint64(m.Memory.Size) != size || d.Unconfined || !strings.HasPrefix(m.Vsock.Path, "/run/here/") {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

func TestWordsForCompression(t *testing.T) {
	for word, want := range map[string]string{"": "none lz4 zstd", "auto": "none lz4 zstd", "none": "none", "lz4": "none lz4", "zstd": "none zstd"} {
		if got := strings.Join(encodings[word], " "); got != want {
			t.Errorf("%q: %s", word, got)
		}
	}
	if len(encodings) != 5 {
		t.Errorf("words %v", slices.Collect(maps.Keys(encodings)))
	}
	for n, want := range map[int]int{1: 1, 8: 8, 99: wire.MaxChannels} {
		if got := channels(n); got != want {
			t.Errorf("%d connections: %d", n, got)
		}
	}
	if n := channels(0); n < 1 || n > 4 {
		t.Errorf("chosen: %d connections", n)
	}
}

func TestListenersGoAway(t *testing.T) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := listenersOf(ours)
	select {
	case <-l.gone:
		t.Fatal("gone while they are there")
	case <-time.After(2 * gonePause):
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.gone:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody is there, and that is not seen")
	}
	l.close()
	l.close()
}

// Who listens hears of the end, and is not taken for gone by that.
func TestListenersAreLeft(t *testing.T) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	l := listenersOf(ours)
	l.close()
	if n, err := theirs.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	l.close()
	select {
	case <-l.gone:
		t.Error("gone, and it was us who left")
	default:
	}
}
