package launch

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/names"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/migrate"
	"github.com/hullvm/hull/migrate/wire"
)

// comesAs is a machine that somebody brings.
func comesAs(t *testing.T, d *instance.Description, memory uint64) *migrate.Incoming {
	t.Helper()
	text, err := json.Marshal(parcel{Description: d})
	if err != nil {
		t.Fatal(err)
	}
	return &migrate.Incoming{Describe: wire.Describe{Instance: text, MemorySize: memory}}
}

const machineOfAnother = `name = "web"
[memory]
size = "64MiB"
[boot]
kernel = "/boot/vmlinuz"
[init]
exec = ["/bin/sh"]
[vsock]
path = "/run/elsewhere.sock"
[[disk]]
name = "root"
path = "/there/root.img"
format = "raw"
`

// TestWhatComesIsOfThisHost has machines come, good ones and others: what the receiver
// decides is the receiver's, whatever the other host has said.
func TestWhatComesIsOfThisHost(t *testing.T) {
	const size = 64 << 20
	description := func() *instance.Description {
		return &instance.Description{
			Version: 1, ID: names.NewID(), Name: "web", Restart: "no", Machine: machineOfAnother,
			KVM: "/dev/other", SlowKVM: true, Unconfined: true,
		}
	}
	o := &ReceiveOptions{
		Dirs:    manager.Dirs{State: "/home", Run: "/run/hull"},
		Options: supervisor.Receive{Name: "again", Disks: map[string]string{"root": "/here/root.img"}, KVM: "/dev/kvm"},
	}
	d, _, err := o.unpack(comesAs(t, description(), size))
	if err != nil {
		t.Fatal(err)
	}
	if d.Unconfined || d.SlowKVM || d.KVM != "/dev/kvm" || d.Name != "again" {
		t.Errorf("%+v", d)
	}
	machine, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	if machine.Name != "again" || machine.Disks[0].Path != "/here/root.img" || !strings.HasPrefix(machine.Vsock.Path, "/run/hull/") {
		t.Errorf("%s", d.Machine)
	}
	for says, change := range map[string]func(*instance.Description){
		`share "etc"`:          func(d *instance.Description) { d.Machine += "[[share]]\nname = \"etc\"\npath = \"/etc\"\n" },
		`has none of that nam`: func(d *instance.Description) { d.Machine = strings.Replace(d.Machine, `"root"`, `"other"`, 1) },
		"bytes of memory":      func(d *instance.Description) { d.Machine = strings.Replace(d.Machine, "64MiB", "32MiB", 1) },
		"its machine":          func(d *instance.Description) { d.Machine = "[" },
		"id ":                  func(d *instance.Description) { d.ID = "../../etc" },
		"no name":              func(d *instance.Description) { d.Name = "" },
	} {
		d := description()
		change(d)
		if _, _, err := o.unpack(comesAs(t, d, size)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	for _, text := range []string{"", "{", "{}", `{"description":null}`} {
		in := &migrate.Incoming{Describe: wire.Describe{Instance: []byte(text)}}
		if _, _, err := o.unpack(in); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	o.Options.Name = ""
	odd := description()
	odd.Name = "a/b"
	if _, _, err := o.unpack(comesAs(t, odd, size)); err == nil {
		t.Error("an odd name is taken")
	}
}
