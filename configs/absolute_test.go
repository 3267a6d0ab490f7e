package configs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAbsoluteFindsEveryPath(t *testing.T) {
	m := mustParse(t, "", `
name = "n"
[boot]
kernel = "./k"
[init]
exec = ["./sh"]
files = [{path = "/a", source = "s"}]
[serial]
output = "file"
path = "log"
[[disk]]
name = "d"
path = "d.img"
format = "qcow2"
backing = ["b.img", "/abs"]
[[share]]
name = "f"
path = "folder"
[vsock]
path = "v.sock"
[console]
output = "file"
path = "c.log"
`)
	m.Absolute("/base")
	got := []string{
		m.Boot.Kernel, m.Init.Exec[0], m.Init.Files[0].Path, m.Init.Files[0].Source, m.Serial.Path, m.Disks[0].Path,
		m.Disks[0].Backing[0], m.Disks[0].Backing[1], m.Shares[0].Path, m.Vsock.Path, m.Console.Path,
	}
	want := []string{
		"/base/k", "./sh", "/a", "/base/s", "/base/log", "/base/d.img",
		"/base/b.img", "/abs", "/base/folder", "/base/v.sock", "/base/c.log",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	named := mustParse(t, "", "name = 'n'\nboot.kernel = 'debian'\nboot.initrd = 'none'\n")
	named.Absolute("/base")
	if named.Boot.Kernel != "debian" || named.Boot.Initrd != "none" {
		t.Errorf("names became paths: %+v", named.Boot)
	}
}

func TestANameIsTheGuestsToo(t *testing.T) {
	m := mustParse(t, "a_b.toml", "boot.kernel = 'k'\ninit.exec = ['/x']\n")
	m.SetName("c_d")
	if m.Name != "c_d" || m.Init.Hostname != "c-d" {
		t.Errorf("%q, %q", m.Name, m.Init.Hostname)
	}
	m = mustParse(t, "a.toml", "boot.kernel = 'k'\ninit.exec = ['/x']\ninit.hostname = 'own'\n")
	m.SetName("b")
	if m.Init.Hostname != "own" {
		t.Errorf("its own name is gone: %q", m.Init.Hostname)
	}
}
