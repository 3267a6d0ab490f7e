package bootconf

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func full() Config {
	return Config{
		Version:  Version,
		Hostname: "guest",
		Modules: []Module{
			{Path: "/lib/modules/virtio.ko"},
			{Path: "/lib/modules/kvm_amd.ko", Params: "npt=1", Optional: true},
		},
		Interfaces: []Interface{
			{MAC: "52:54:00:12:34:56", Address: DHCP},
			{MAC: "02:00:00:00:00:0a", Address: "10.0.0.2/24", Gateway: "10.0.0.1", DNS: []string{"10.0.0.3", "fe80::1"}},
		},
		Mounts: []Mount{
			{Disk: "root", On: "/", FSType: "ext4", ReadOnly: true},
			{Share: "source code", On: "/src"},
		},
		VsockPort: 1024,
		Exec:      []string{"/bin/sh", "-c", "echo <&>"},
		Env:       []string{"PATH=/bin", "EMPTY="},
		Dir:       "/root",
		Console:   "/dev/ttyS0",
		Lab: &Lab{
			SerialPort: "org.hullvm.agent",
			Root:       Root{Tag: "host", FSType: "9p", Options: "trans=virtio", Overlay: true},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	want := full()
	b, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("decoded configuration differs (-want +got):\n%s", diff)
	}
	again, err := Encode(*got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, again) {
		t.Errorf("encoded twice:\n%s\n%s", b, again)
	}
}

func TestEncodeFillsInTheVersion(t *testing.T) {
	b, err := Encode(Config{Exec: []string{"sh"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if c.Version != Version {
		t.Errorf("version %d, want %d", c.Version, Version)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"nothing", ``, "decode"},
		{"not an object", `[]`, "decode"},
		{"no version", `{"exec":["sh"]}`, "version 0"},
		{"later version with a field we lack", `{"version":2,"exec":["sh"],"new":1}`, "version 2"},
		{"unknown field", `{"version":1,"exec":["sh"],"exce":1}`, "exce"},
		{"unknown field of the lab", `{"version":1,"lab":{"serial_port":"a","root":{"tga":""}}}`, "tga"},
		{"something behind", `{"version":1,"exec":["sh"]} {}`, "invalid character"},
		{"no program", `{"version":1}`, "exec: names no program"},
		{"empty program", `{"version":1,"exec":[""]}`, "exec: names no program"},
		{"too long", `{"version":1,"exec":["` + strings.Repeat("x", MaxSize) + `"]}`, "more than"},
		{"relative module", `{"version":1,"exec":["sh"],"modules":[{"path":"a.ko"}]}`, "modules[0].path"},
		{"module with dots", `{"version":1,"exec":["sh"],"modules":[{"path":"/lib/../a.ko"}]}`, "modules[0].path"},
		{"environment without a value", `{"version":1,"exec":["sh"],"env":["A=1","B"]}`, "env[1]"},
		{"relative directory", `{"version":1,"exec":["sh"],"dir":"tmp"}`, "dir"},
		{"console elsewhere", `{"version":1,"exec":["sh"],"console":"/etc/passwd"}`, "console"},
		{"long host name", `{"version":1,"exec":["sh"],"hostname":"` + strings.Repeat("h", 65) + `"}`, "hostname"},
		{"host name with a slash", `{"version":1,"exec":["sh"],"hostname":"a/b"}`, "hostname"},
		{"lab without a port", `{"version":1,"lab":{"root":{}}}`, "lab.serial_port"},
		{"lab port with a slash", `{"version":1,"lab":{"serial_port":"../x","root":{}}}`, "lab.serial_port"},
		{"root of another kind", `{"version":1,"lab":{"serial_port":"a","root":{"tag":"t","fstype":"nfs"}}}`, "lab.root.fstype"},
		{"root options without a tag", `{"version":1,"lab":{"serial_port":"a","root":{"overlay":true}}}`, "lab.root.tag"},
		{"a mount of nothing", `{"version":1,"exec":["sh"],"mounts":[{"on":"/"}]}`, "mounts[0].disk"},
		{"a mount of two things", `{"version":1,"exec":["sh"],"mounts":[{"on":"/","disk":"a","share":"b","fstype":"x"}]}`, "mounts[0].disk"},
		{"a mount nowhere", `{"version":1,"exec":["sh"],"mounts":[{"on":"a","share":"b"}]}`, "mounts[0].on"},
		{"a disk with a slash", `{"version":1,"exec":["sh"],"mounts":[{"on":"/","disk":"../a","fstype":"x"}]}`, "mounts[0].disk"},
		{"a disk without a type", `{"version":1,"exec":["sh"],"mounts":[{"on":"/","disk":"a"}]}`, "mounts[0].fstype"},
		{"a long tag", `{"version":1,"exec":["sh"],"mounts":[{"on":"/","share":"` + strings.Repeat("t", 37) + `"}]}`, "mounts[0].share"},
		{"an interface without an address", `{"version":1,"exec":["sh"],"interfaces":[{"mac":"02:00:00:00:00:0a"}]}`, "interfaces[0].address"},
		{"a MAC address in capitals", `{"version":1,"exec":["sh"],"interfaces":[{"mac":"02:00:00:00:00:0A","address":"dhcp"}]}`, "interfaces[0].mac"},
		{"a gateway by name", `{"version":1,"exec":["sh"],"interfaces":[{"mac":"02:00:00:00:00:0a","address":"dhcp","gateway":"gw"}]}`, "interfaces[0].gateway"},
		{"a name server by name", `{"version":1,"exec":["sh"],"interfaces":[{"mac":"02:00:00:00:00:0a","address":"dhcp","dns":["ns"]}]}`, "interfaces[0].dns[0]"},
		{"zero byte in an argument", `{"version":1,"exec":["sh","\u0000"]}`, "exec[1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Decode(strings.NewReader(tt.in))
			if err == nil {
				t.Fatalf("accepted as %+v", c)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not mention %q", err, tt.want)
			}
		})
	}
}

func TestValidateReportsEverything(t *testing.T) {
	c := Config{Version: Version, Dir: "a", Console: "b"}
	err := c.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"exec:", "dir:", "console:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %s", err, want)
		}
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	if b, err := Encode(Config{}); err == nil {
		t.Errorf("encoded an empty job as %s", b)
	}
}

func FuzzDecode(f *testing.F) {
	b, err := Encode(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1,"exec":["sh"]}`))
	f.Add([]byte(`{"version":1,"lab":{"serial_port":"p","root":{}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := Decode(bytes.NewReader(in))
		if err != nil {
			return
		}
		b, err := Encode(*c)
		if err != nil {
			// Escapes can make the written form longer than the limit.
			if len(in) < MaxSize/8 {
				t.Fatalf("decoded %q, cannot encode: %v", in, err)
			}
			return
		}
		again, err := Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("cannot decode %q: %v", b, err)
		}
		b2, err := Encode(*again)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, b2) {
			t.Errorf("encode, decode, encode: %q became %q", b, b2)
		}
	})
}
