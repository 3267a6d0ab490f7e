package manager

import (
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

func TestAddressesOfMigrations(t *testing.T) {
	for text, want := range map[string]MigrationAddress{
		"vm2":                    {"tcp", "vm2:8476"},
		"vm2.example.org:99":     {"tcp", "vm2.example.org:99"},
		"192.0.2.1":              {"tcp", "192.0.2.1:8476"},
		"192.0.2.1:0":            {"tcp", "192.0.2.1:0"},
		"192.0.2.1:00099":        {"tcp", "192.0.2.1:99"},
		":8000":                  {"tcp", ":8000"},
		"::1":                    {"tcp", "[::1]:8476"},
		"[::1]":                  {"tcp", "[::1]:8476"},
		"[::1]:7":                {"tcp", "[::1]:7"},
		"::":                     {"tcp", "[::]:8476"},
		"[fe80::1%eth0]:7":       {"tcp", "[fe80::1%eth0]:7"},
		"unix:/run/hull/in.sock": {"unix", "/run/hull/in.sock"},
		"unix:/with:colon":       {"unix", "/with:colon"},
	} {
		got, err := ParseMigrationAddress(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, why := range map[string]string{
		"":                                  "it is empty",
		"vm2:":                              "port",
		"vm2:http":                          "port \"http\" is no number",
		"vm2:65536":                         "port \"65536\" is no number from 0 to 65535",
		"vm2:-1":                            "port",
		"vm2:1:2":                           "write it as",
		"[::1":                              "write it as",
		"[vm2]":                             "write it as",
		"a b:1":                             "neither a host's name",
		"user@vm2":                          "neither a host's name",
		"http://vm2":                        "port \"//vm2\"",
		"vm2/x:1":                           "neither a host's name",
		"v\x1b[2Jm2":                        "write it as",
		strings.Repeat("x", 256) + ":1":     "neither a host's name",
		"unix":                              "has to be unix:PATH",
		"unix:":                             "has to be absolute",
		"unix:in.sock":                      "has to be absolute",
		"unix:/" + strings.Repeat("x", 107): "at most 107 bytes",
		"unix:/a\x00b":                      "none of them is 0",
	} {
		got, err := ParseMigrationAddress(text)
		if err == nil || !strings.Contains(err.Error(), why) || instance.KindOf(err) != instance.KindInvalid || got != (MigrationAddress{}) {
			t.Errorf("%q: %+v, %v, want %s", text, got, err, why)
		}
	}
	if h := (MigrationAddress{"tcp", "[::1]:7"}).Host(); h != "::1" {
		t.Errorf("the host is %q", h)
	}
	if h := (MigrationAddress{"unix", "/a:b"}).Host(); h != "" {
		t.Errorf("the host of a socket is %q", h)
	}
}

// FuzzMigrationAddress wants what is read to be written so that it is read as the
// same.
func FuzzMigrationAddress(f *testing.F) {
	for _, seed := range []string{"", "vm2", "vm2:1", "[::1]:2", "::1", "unix:/a", ":0", "[fe80::1%e]:3", "a:b:c", "[]:1", "[a]:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseMigrationAddress(text)
		if err != nil {
			return
		}
		again, err := ParseMigrationAddress(a.String())
		if err != nil || again != a {
			t.Fatalf("%q is %+v, and that is %+v, %v", text, a, again, err)
		}
		if strings.ContainsAny(a.String(), "\x00") || a.Network == "tcp" && strings.ContainsAny(a.Address, " \n\x1b/") {
			t.Fatalf("%q was taken", text)
		}
	})
}

func TestMigrateOptionsAreChecked(t *testing.T) {
	files := TLSFiles{CA: "/tls/ca.pem", Cert: "/tls/a.pem", Key: "/tls/a.key", Name: "vm2"}
	good := func() *MigrateOptions {
		tls := files
		return &MigrateOptions{To: "vm2", TLS: &tls}
	}
	if err := good().Check(); err != nil {
		t.Error(err)
	}
	full := good()
	full.Connections, full.Compression, full.Bandwidth, full.Downtime, full.Throttle, full.Timeout = 8, "zstd", 1, time.Second, 99, time.Hour
	for _, o := range []*MigrateOptions{full, {To: "[::1]:9"}, {To: "unix:/a", Compression: "auto"}} {
		if err := o.Check(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for why, change := range map[string]func(*MigrateOptions){
		"it is empty":                     func(o *MigrateOptions) { o.To = "" },
		"names no host":                   func(o *MigrateOptions) { o.To = ":8000" },
		`"vm2:0": it names no host`:       func(o *MigrateOptions) { o.To = "vm2:0" },
		"one of them is missing":          func(o *MigrateOptions) { o.TLS.CA = "" },
		"certificate and its key belong":  func(o *MigrateOptions) { o.TLS.Key = "" },
		"TLS: path \"a.pem\"":             func(o *MigrateOptions) { o.TLS.Cert = "a.pem" },
		"TLS: name: \"a b\"":              func(o *MigrateOptions) { o.TLS.Name = "a b" },
		"a unix socket is reached":        func(o *MigrateOptions) { o.To = "unix:/a" },
		"connections 9":                   func(o *MigrateOptions) { o.Connections = 9 },
		"connections -1":                  func(o *MigrateOptions) { o.Connections = -1 },
		`compression "gzip": it is none`:  func(o *MigrateOptions) { o.Compression = "gzip" },
		"throttle 100":                    func(o *MigrateOptions) { o.Throttle = 100 },
		"throttle -1":                     func(o *MigrateOptions) { o.Throttle = -1 },
		"downtime -1ns: it is negative":   func(o *MigrateOptions) { o.Downtime = -1 },
		"timeout -1h0m0s: it is negative": func(o *MigrateOptions) { o.Timeout = -time.Hour },
	} {
		o := good()
		change(o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), why) || instance.KindOf(err) != instance.KindInvalid {
			t.Errorf("%v, want %s", err, why)
		}
	}
}

func TestReceiveOptionsAreChecked(t *testing.T) {
	good := func() *ReceiveOptions {
		return &ReceiveOptions{
			Listen: ":0", TLS: &TLSFiles{CA: "/tls/ca.pem", Cert: "/tls/a.pem", Key: "/tls/a.key"},
			Name: "web", Disks: map[string]string{"root": "/srv/root.qcow2"}, Expire: time.Minute,
		}
	}
	for _, o := range []*ReceiveOptions{good(), {Listen: "unix:/a"}, {Listen: "vm2"}} {
		if err := o.Check(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for why, change := range map[string]func(*ReceiveOptions){
		"it is empty":            func(o *ReceiveOptions) { o.Listen = "" },
		"one of them is missing": func(o *ReceiveOptions) { o.TLS.CA = "" },
		"who receives":           func(o *ReceiveOptions) { o.TLS.Name = "vm1" },
		`name "a/b"`:             func(o *ReceiveOptions) { o.Name = "a/b" },
		`disk "root": path "x"`:  func(o *ReceiveOptions) { o.Disks["root"] = "x" },
		`disk "": path "/x"`:     func(o *ReceiveOptions) { o.Disks = map[string]string{"": "/x"} },
		"expire -1ns":            func(o *ReceiveOptions) { o.Expire = -1 },
	} {
		o := good()
		change(o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), why) || instance.KindOf(err) != instance.KindInvalid {
			t.Errorf("%v, want %s", err, why)
		}
	}
}
