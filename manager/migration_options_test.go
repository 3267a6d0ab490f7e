package manager

import (
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/migrate/transport"
)

func TestAWrongAddressIsInvalid(t *testing.T) {
	if a, err := MoveAddress("::1"); err != nil || a.String() != "[::1]:8476" {
		t.Errorf("%v, %v", a, err)
	}
	for _, text := range []string{"", "vm2:http", "unix:in.sock", "user@vm2", "[::1"} {
		if a, err := MoveAddress(text); instance.KindOf(err) != instance.KindInvalid || a != (transport.Address{}) {
			t.Errorf("%q: %v, %v", text, a, err)
		}
	}
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
		"TLS: name: host \"a b\"":         func(o *MigrateOptions) { o.TLS.Name = "a b" },
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
