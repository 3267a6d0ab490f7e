package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// small is the least that a machine file has to say.
const small = "[boot]\nkernel = \"k\"\n[init]\nexec = [\"/bin/sh\"]\n"

func problemsOf(t *testing.T, err error) *Problems {
	t.Helper()
	var p *Problems
	if !errors.As(err, &p) {
		t.Fatalf("error is %v (%T), want *Problems", err, err)
	}
	return p
}

func mustParse(t *testing.T, name, text string, sets ...string) *Machine {
	t.Helper()
	m, err := Parse(name, []byte(text), parseSets(t, sets...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func parseSets(t *testing.T, sets ...string) []Set {
	t.Helper()
	var parsed []Set
	for _, s := range sets {
		one, err := ParseSet(s)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, one)
	}
	return parsed
}

func TestSmallFileGetsEveryDefault(t *testing.T) {
	want := Default()
	want.Name = "web_1"
	want.CPU.CoresPerSocket = 1
	want.Boot.Kernel = "k"
	want.Init = Init{Exec: []string{"/bin/sh"}, Hostname: "web-1"}
	if diff := cmp.Diff(want, mustParse(t, "a/b/web_1.toml", small)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	got := mustParse(t, "/etc/vm/x.toml", `
name = "n.1"
[cpu]
count = 8
model = "x86-64-v2"
threads_per_core = 2
cores_per_socket = 2
[memory]
size = "6 GiB"
backing = "memfd"
hugepages = "2MiB"
overcommit = true
[boot]
kernel = "kernels/vmlinux"
protocol = "pvh"
cmdline = "a b"
cmdline_default = false
[init]
exec = ["/bin/sh", "-c", "exit 3"]
env = ["A=b", "C="]
dir = "/tmp"
hostname = "h.example"
modules = ["virtio_net", "tls"]
files = [{path = "/a", source = "s", mode = "0755"}, {path = "/b", text = "t\n"}]
[serial]
output = "file"
path = "../log"
[[disk]]
name = "root"
path = "root.img"
format = "qcow2"
backing = ["base.qcow2", "/images"]
read_only = true
direct = true
queues = 2
bytes_per_second = "10MiB"
bytes_burst = "20MiB"
operations_per_second = 100
operations_burst = 200
mount = "/"
filesystem = "xfs"
[[disk]]
name = "data"
path = "/dev/sdz"
format = "raw"
[[net]]
name = "lan"
type = "tap"
tap = "tap0"
bridge = "br0"
mac = "52:54:00:12:34:56"
mtu = 9000
queues = 4
vhost = "off"
address = "10.0.0.2/24"
gateway = "10.0.0.1"
dns = ["10.0.0.3"]
receive_per_second = "1MiB"
transmit_per_second = "2MiB"
[[net]]
name = "out"
publish = ["8080:80", "0.0.0.0:53:53/udp"]
host_loopback = true
[[share]]
name = "src"
path = "src"
read_only = true
mount = "/src"
cache = "none"
[vsock]
path = "x.sock"
cid = 7
[console]
output = "file"
path = "hvc.log"
[rng]
enabled = true
bytes_per_second = "64KiB"
[balloon]
enabled = true
size = "1MiB"
deflate_on_oom = false
free_page_reporting = false
[limits]
cpus = "1.5"
memory = "8GiB"
[log]
max_size = "1MiB"
max_files = 5
[lifecycle]
stop_timeout = "1m30s"
on_reset = "restart"
on_panic = "restart"
restart = "on-failure:3"
`)
	want := &Machine{
		Name:   "n.1",
		CPU:    CPU{Count: 8, Model: ModelV2, ThreadsPerCore: 2, CoresPerSocket: 2},
		Memory: Memory{Size: 6 << 30, Backing: Memfd, HugePages: HugePages2MiB, Overcommit: true},
		Boot:   Boot{Kernel: "/etc/vm/kernels/vmlinux", Protocol: ProtocolPVH, Cmdline: "a b"},
		Init: Init{
			Exec: []string{"/bin/sh", "-c", "exit 3"}, Env: []string{"A=b", "C="}, Dir: "/tmp", Hostname: "h.example",
			Modules: []string{"virtio_net", "tls"},
			Files:   []File{{Path: "/a", Source: "/etc/vm/s", Mode: 0o755}, {Path: "/b", Text: "t\n", Mode: 0o644}},
		},
		Serial: Serial{Output: SerialFile, Path: "/etc/vm/../log"},
		Disks: []Disk{
			{
				Name: "root", Path: "/etc/vm/root.img", Format: FormatQCOW2, Backing: []string{"/etc/vm/base.qcow2", "/images"}, ReadOnly: true, Direct: true, Queues: 2,
				BytesPerSecond: 10 << 20, BytesBurst: 20 << 20, OperationsPerSecond: 100, OperationsBurst: 200,
				Mount: "/", Filesystem: "xfs",
			},
			{Name: "data", Path: "/dev/sdz", Format: FormatRaw, Queues: 1, Filesystem: "ext4"},
		},
		Nets: []Net{
			{
				Name: "lan", Type: NetTap, Tap: "tap0", Bridge: "br0", MAC: "52:54:00:12:34:56", MTU: 9000, Queues: 4, Vhost: VhostOff,
				Address: "10.0.0.2/24", Gateway: "10.0.0.1", DNS: []string{"10.0.0.3"},
				ReceivePerSecond: 1 << 20, TransmitPerSecond: 2 << 20,
			},
			{
				Name: "out", Type: NetUser, Queues: 1, Vhost: VhostAuto, Address: AddressDHCP,
				Publish: []string{"8080:80", "0.0.0.0:53:53/udp"}, HostLoopback: true,
			},
		},
		Shares:    []Share{{Name: "src", Path: "/etc/vm/src", ReadOnly: true, Mount: "/src", Cache: CacheNone}},
		Vsock:     Vsock{Path: "/etc/vm/x.sock", CID: 7},
		Console:   Console{Output: SerialFile, Path: "/etc/vm/hvc.log"},
		RNG:       RNG{Enabled: true, BytesPerSecond: 64 << 10},
		Balloon:   Balloon{Enabled: true, Size: 1 << 20},
		Limits:    Limits{CPUs: 150, Memory: 8 << 30},
		Log:       Log{MaxSize: 1 << 20, MaxFiles: 5},
		Lifecycle: Lifecycle{StopTimeout: Duration(90 * time.Second), OnReset: Restart, OnPanic: Restart, Restart: "on-failure:3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryMistakeIsReportedAtItsPlace(t *testing.T) {
	_, err := Parse("d/bad.toml", []byte(`name = "-x"
[cpu]
count = 1000
modle = "host"
threads_per_core = "2"
[memory]
size = "512MB"
backing = "anonymus"
[boot]
cmdline = "a\nb"
[init]
exec = ["sh", 3]
env = ["A=1", "=2", "A=2"]
[[init.files]]
path = "a/b"
[[init.files]]
path = "/x"
mode = 644
[[disk]]
path = "x"
[lifecycle]
stop_timeout = 30
`))
	want := strings.Join([]string{
		`d/bad.toml: 16 mistakes:`,
		`  d/bad.toml:1:8: name = "-x": must be 1 to 64 of a-z A-Z 0-9 . _ -, the first a letter or digit; give the machine another name`,
		`  d/bad.toml:3:9: cpu.count = 1000: must be 1 to 255; lower it`,
		`  d/bad.toml:4:1: cpu.modle: there is no such key in [cpu]; did you mean cpu.model?`,
		`  d/bad.toml:5:20: cpu.threads_per_core = "2": must be a whole number; write it without quotes`,
		`  d/bad.toml:7:8: memory.size = "512MB": must be a whole number with a unit, KiB, MiB, GiB or TiB; write it as "512MiB"`,
		`  d/bad.toml:8:11: memory.backing = "anonymus": must be "anonymous" or "memfd"; did you mean "anonymous"?`,
		`  d/bad.toml:9:2: boot.kernel: must be given; name a bundle that "hull kernel ls" lists, or the path of a kernel with a slash in it`,
		`  d/bad.toml:10:11: boot.cmdline = "a\nb": must be one line of printable text, and byte 1 is not; remove it`,
		`  d/bad.toml:12:15: init.exec[1] = 3: must be a string; put it in quotes`,
		`  d/bad.toml:13:15: init.env[1] = "=2": must be NAME=value, the name without spaces; write it so`,
		`  d/bad.toml:13:21: init.env[2] = "A=2": "A" is set by init.env[0] too; remove one of the two`,
		`  d/bad.toml:15:8: init.files[0].path = "a/b": must be an absolute path without //, . or .. and without a slash at its end; write it from the guest's root`,
		`  d/bad.toml:18:8: init.files[1].mode = 644: must be a string; put it in quotes`,
		`  d/bad.toml:19:3: disk[0].name: must be given; name the device`,
		`  d/bad.toml:19:3: disk[0].format: must be given; say what the file is, "raw" or "qcow2"`,
		`  d/bad.toml:22:16: lifecycle.stop_timeout = 30: must be a length of time with a unit, ms, s, m or h; write it as "30s" or "1m30s"`,
	}, "\n")
	if diff := cmp.Diff(want, problemsOf(t, err).Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	long := strings.Repeat("x", 5000)
	tests := []struct {
		name string
		sets []string // over small
		want string   // a part of the message, or empty for a machine that is right
	}{
		{"no vCPUs", []string{"cpu.count=0"}, "cpu.count = 0: must be 1 to 255; raise it"},
		{"a negative number of vCPUs", []string{"cpu.count=-4"}, "raise it"},
		{"the most vCPUs", []string{"cpu.count=255"}, ""},
		{"one vCPU too many", []string{"cpu.count=256"}, "must be 1 to 255; lower it"},
		{"half a vCPU", []string{"cpu.count=0.5"}, "cpu.count = 0.5: must be a whole number; leave out the fraction"},
		{"threads that do not divide", []string{"cpu.count=3", "cpu.threads_per_core=2"}, "must divide cpu.count, 3"},
		{"cores that do not divide", []string{"cpu.count=4", "cpu.cores_per_socket=3"}, "must divide the number of cores, 4"},
		{"sockets of three cores", []string{"cpu.count=6", "cpu.cores_per_socket=3"}, ""},
		{"an arrangement out of APIC ids", []string{"cpu.count=240", "cpu.cores_per_socket=3"}, "APIC ids up to 318"},
		{"another processor", []string{"cpu.model=x86-64-v4"}, `did you mean "x86-64-v`},
		{"least memory", []string{"memory.size=16MiB"}, ""},
		{"too little memory", []string{"memory.size=15M"}, `memory.size = 15MiB: must be 16MiB to 16TiB; raise it`},
		{"no memory", []string{"memory.size=0M"}, "raise it"},
		{"most memory", []string{"memory.size=16TiB"}, ""},
		{"too much memory", []string{"memory.size=17T"}, "lower it"},
		{"more memory than numbers hold", []string{"memory.size=99999999999T"}, "must be at most 16TiB"},
		{"more memory than digits hold", []string{"memory.size=99999999999999999999999M"}, "must be at most 16TiB"},
		{"odd memory", []string{"memory.size=17409K"}, "must be a multiple of the page size, 4KiB; the next is 17412KiB"},
		{"memory that is no huge pages", []string{"memory.size=513MiB", "memory.hugepages=2M"}, "page size, 2MiB; the next is 514MiB"},
		{"memory without a unit", []string{"memory.size=512"}, `say which unit, as in "512MiB"`},
		{"a negative size", []string{"memory.size=-1M"}, "must be a whole number with a unit"},
		{"a size of words", []string{"memory.size=lots"}, "must be a whole number with a unit"},
		{"a unit in small letters", []string{"memory.size=512mib"}, `write it as "512MiB"`},
		{"both kinds of huge pages", []string{"memory.thp=true", "memory.hugepages=2MiB"}, "memory.thp = true: means nothing beside"},
		{"no such huge pages", []string{"memory.hugepages=4MiB"}, `must be "off", "2MiB" or "1GiB"`},
		{"a string for a truth", []string{"memory.thp='yes'"}, "must be true or false"},
		{"a kernel that is no name", []string{"boot.kernel=a b"}, "must be a bundle's name, or a path with a slash in it"},
		{"a kernel with an empty name", []string{"boot.kernel="}, "boot.kernel: must be given"},
		{"a long path", []string{"boot.kernel=/" + long}, "must be at most 4095 bytes"},
		{"a protocol that is none", []string{"boot.protocol=multiboot"}, "must be"},
		{"the longest command line", []string{"boot.cmdline=" + long[:2047]}, ""},
		{"a longer command line", []string{"boot.cmdline=" + long[:2048]}, "must be at most 2047 bytes, and is 2048"},
		{"[init] beside an initrd", []string{"boot.initrd=./i"}, "init: is for the initrd that Hull makes"},
		{"nothing to run", []string{"init.exec=[]"}, "init.exec: must be given"},
		{"an empty program", []string{`init.exec=["", "x"]`}, "init.exec[0] = \"\": must be a program"},
		{"a zero byte in an argument", []string{`init.exec=["a\u0000"]`}, "must not hold a zero byte"},
		{"one word to run", []string{"init.exec=sh"}, "must be an array; put it in brackets"},
		{"an environment without a value", []string{`init.env=["HOME"]`}, "must be NAME=value"},
		{"a space in the environment", []string{`init.env=["A B=1"]`}, "the name without spaces"},
		{"a folder that is relative", []string{"init.dir=tmp"}, "must be an absolute path"},
		{"a folder in another form", []string{"init.dir=/a/../b/"}, `write "/b"`},
		{"a host name with a space", []string{"init.hostname=a b"}, "letters, digits, hyphens and dots"},
		{"a host name that ends in a hyphen", []string{"init.hostname=a-.b"}, "letters, digits, hyphens and dots"},
		{"a host name with dots together", []string{"init.hostname=a..b"}, "letters, digits, hyphens and dots"},
		{"a host name that is too long", []string{"init.hostname=" + strings.Repeat("a.", 32) + "b"}, "at most 64"},
		{"a host name that looks like a truth", []string{"init.hostname=true"}, ""},
		{"a module's file", []string{`init.modules=["kernel/net/tls.ko.xz"]`}, `write "tls"`},
		{"a module twice", []string{`init.modules=["a-b", "a_b"]`}, "is the same module as init.modules[0]"},
		{"a file over the agent", []string{"init.files[0].path=/init"}, "is taken by Hull's own"},
		{"a file without a path", []string{"init.files[0].text=x"}, "init.files[0].path: must be given"},
		{"a file of two contents", []string{"init.files[0].path=/a", "init.files[0].text=x", "init.files[0].source=/y"}, "must not stand beside source"},
		{"a file twice", []string{`init.files=[{path="/a"}, {path="/a"}]`}, "is the path of init.files[0] too"},
		{"a mode of words", []string{"init.files[0].path=/a", "init.files[0].mode=rwx"}, "three or four octal digits"},
		{"a mode of digits on the command line", []string{"init.files[0].path=/a", "init.files[0].mode=0644"}, ""},
		{"an output file without a path", []string{"serial.output=file"}, "serial.path: must be given"},
		{"a path without an output file", []string{"serial.path=x"}, "means nothing unless"},
		{"patience beyond a day", []string{"lifecycle.stop_timeout=25h"}, "must be 0s to 24h"},
		{"negative patience", []string{"lifecycle.stop_timeout=-1s"}, "must be 0s to 24h"},
		{"a restart that nobody knows", []string{"lifecycle.restart=sometimes"}, `must be "no", "on-failure", "always" or "unless-stopped"`},
		{"tries of what always starts", []string{"lifecycle.restart=always:3"}, "on-failure with 1 to"},
		{"no tries", []string{"lifecycle.restart=on-failure:0"}, "on-failure with 1 to"},
		{"tries that are no number", []string{"lifecycle.restart=on-failure:+3"}, "on-failure with 1 to"},
		{"three tries", []string{"lifecycle.restart=on-failure:3"}, ""},
		{"half a processor", []string{"limits.cpus=0.5"}, ""},
		{"a third of a processor", []string{"limits.cpus=0.333"}, "at most two decimals"},
		{"fewer processors than none", []string{"limits.cpus=-1"}, "0 to 8192 processors"},
		{"processors that are no number", []string{"limits.cpus=nan"}, "0 to 8192 processors"},
		{"no memory for the monitor", []string{"limits.memory=512MiB"}, "must be more than memory.size"},
		{"a log of nothing", []string{"log.max_size=1KiB"}, "must be 64KiB to 1GiB"},
		{"a log without files", []string{"log.max_files=0"}, "must be 1 to 100"},
		{"no patience", []string{"lifecycle.stop_timeout=0s"}, ""},
		{"a section that is none", []string{"cpu=3"}, "must be a table"},
		{"an unknown section", []string{"gpu.count=3"}, "a machine has no such key; did you mean cpu?"},
		{"a key of another section", []string{"threads_per_core=3"}, "did you mean cpu.threads_per_core?"},
		{"a section of a later release", []string{"pmem[0].path=x"}, "this release of hull has no persistent memory"},
		{"a disk", []string{`disk=[{name="a", path="/a", format="raw"}]`}, ""},
		{"a disk without a path", []string{`disk=[{name="a", format="raw"}]`}, "disk[0].path: must be given"},
		{"a disk of another format", []string{`disk=[{name="a", path="/a", format="vmdk"}]`}, `must be "raw" or "qcow2"`},
		{"a disk whose name is no serial number", []string{`disk=[{name="a23456789012345678901", path="/a", format="raw"}]`}, "must be 1 to 20 of"},
		{"two disks of one name", []string{`disk=[{name="a", path="/a", format="raw"}, {name="a", path="/b", format="raw"}]`}, "is that of disk[0] too"},
		{"a file below a raw disk", []string{`disk=[{name="a", path="/a", format="raw", backing=["/b"]}]`}, "means nothing for a raw image"},
		{"a burst without a rate", []string{`disk=[{name="a", path="/a", format="raw", bytes_burst="1MiB"}]`}, "means nothing without bytes_per_second"},
		{"a rate below nothing", []string{`disk=[{name="a", path="/a", format="raw", operations_per_second=-1}]`}, "must be 0 or more"},
		{"seventeen queues", []string{`disk=[{name="a", path="/a", format="raw", queues=17}]`}, "must be 1 to 16; lower it"},
		{"two things on one folder", []string{`disk=[{name="a", path="/a", format="raw", mount="/d"}]`, `share=[{name="s", path="/s", mount="/d"}]`}, "is taken by disk[0].mount"},
		{"a share over the root", []string{`share=[{name="s", path="/s", mount="/"}]`}, "is the root file system's"},
		{"a share cached for ever", []string{`share=[{name="s", path="/s", cache="always"}]`}, `must be "auto" or "none"`},
		{"a network", []string{`net=[{name="n"}]`}, ""},
		{"a tap without a name", []string{`net=[{name="n", type="tap"}]`}, `net[0].tap = "": must be given`},
		{"a tap in user mode", []string{`net=[{name="n", tap="t"}]`}, "means nothing unless type is"},
		{"ports of a tap", []string{`net=[{name="n", type="tap", tap="t", publish=["1:1"]}]`}, `means nothing unless type is "user"`},
		{"the host's loopback on a tap", []string{`net=[{name="n", type="tap", tap="t", host_loopback=true}]`}, `means nothing unless type is "user"`},
		{"a group's MAC address", []string{`net=[{name="n", mac="01:00:00:00:00:00"}]`}, "must be six bytes in hex"},
		{"a MAC address twice", []string{`net=[{name="a", mac="02:00:00:00:00:0a"}, {name="b", mac="02:00:00:00:00:0A"}]`}, "is that of net[0] too"},
		{"an address without a prefix", []string{`net=[{name="n", address="10.0.0.2"}]`}, "an IPv4 address with a prefix"},
		{"a gateway beside DHCP", []string{`net=[{name="n", gateway="10.0.0.1"}]`}, "means nothing unless address is one"},
		{"a port of words", []string{`net=[{name="n", publish=["http:80"]}]`}, "must be [ADDRESS:]HOSTPORT:GUESTPORT"},
		{"a port twice", []string{`net=[{name="n", publish=["80:80", "127.0.0.1:80:81"]}]`}, "opens the same port as net[0].publish[0]"},
		{"any free port twice", []string{`net=[{name="n", publish=["0:80", "0:81"]}]`}, ""},
		{"more devices than slots", []string{`disk=[` + strings.Repeat(`{name="NAME", path="/a", format="raw"}, `, 32) + `]`}, "must be at most 31"},
		{"the host's own vsock number", []string{"vsock.path=/v", "vsock.cid=2"}, "vsock.cid = 2: must be 3 to 4294967294"},
		{"a socket's path that is too long", []string{"vsock.path=/" + long[:100]}, "is too long for a socket"},
		{"a balloon of all memory", []string{"balloon.enabled=true", "balloon.size=512MiB"}, "must be less than memory.size"},
		{"the size of no balloon", []string{"balloon.size=1MiB"}, "means nothing unless balloon.enabled"},
		{"the rate of no generator", []string{"rng.bytes_per_second=1KiB"}, "means nothing unless rng.enabled"},
		{"two consoles on one terminal", []string{"console.output=terminal"}, "must not both be the terminal"},
		{"the other console on the terminal", []string{"console.output=terminal", "serial.output=none"}, ""},
		{"a key below a value", []string{"cpu.count.x=1"}, "cpu.count is a single value; set cpu.count"},
		{"an index where there is no array", []string{"cpu[0]=1"}, "cpu is not an array"},
		{"an array without an index", []string{"init.files.path=/a"}, "say which element, as in init.files[0]"},
		{"an element far behind the last", []string{"init.exec[7]=x"}, "init.exec[7]: the array has 1 element"},
		{"an element behind the last", []string{"init.exec[1]=-l"}, ""},
		{"a value that would be many", []string{"cpu.count=1\n[memory]\nsize='1GiB'"}, "must be a whole number"},
		{"a value that nests", []string{"cpu.count=" + strings.Repeat("[", 5000)}, "must be a whole number"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("x.toml", []byte(small), parseSets(t, test.sets...)...)
			switch {
			case err == nil && test.want != "":
				t.Fatalf("passed, want %q", test.want)
			case err != nil && test.want == "":
				t.Fatal(err)
			case err != nil && !strings.Contains(err.Error(), test.want):
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}
			if err == nil {
				return
			}
			if p := problemsOf(t, err); len(p.List) != 1 {
				t.Errorf("%d mistakes, want the one:\n%v", len(p.List), err)
			} else if !strings.HasPrefix(p.List[0].Source, "--set ") && p.List[0].Path != "serial.path" &&
				!strings.HasPrefix(p.List[0].Path, "init") && !strings.HasPrefix(p.List[0].Path, "disk[0].") {
				t.Errorf("the mistake is laid on %q, not on the --set", p.List[0].Source)
			}
		})
	}
}

func TestTextThatIsNotTOMLHasOneMistakeWithItsLine(t *testing.T) {
	tests := []struct {
		name, text string
		want       string
	}{
		{"a missing sign", "[cpu]\ncount 4\n", "x.toml:2:7: not TOML: "},
		{"an open string", "name = \"a\nb\"\n", "x.toml:1:"},
		{"a key twice", "[cpu]\ncount = 1\ncount = 2\n", "x.toml:3:1: not TOML: "},
		{"a zero byte", "name = \"\x00\"", "x.toml:1:9: not a text: it holds a zero byte"},
		{"bytes that are not UTF-8", "name = \"\xff\"", "x.toml:1:9: not TOML: "},
		{"an escape sequence", "na\x1b[31mme = 1", "x.toml:1:"},
		{"a deep array", "x = " + strings.Repeat("[", 1<<19), "x.toml:1:37: nested more than 32 deep"},
		{"deep inline tables", "x = " + strings.Repeat("{a=", 1<<18), "nested more than 32 deep"},
		{"a long dotted key", strings.Repeat("a.", 1<<19-1) + "a", "nested more than 32 deep"},
		{"too many keys", manyKeys(maxKeys + 1), "more than 10000 keys"},
		{"too many tables", strings.Repeat("[[a]]\n", maxKeys), "more than 10000 keys"},
		{"a long file", strings.Repeat("#\n", 1<<19) + "#", "longer than 1048576 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("x.toml", []byte(test.text))
			p := problemsOf(t, err)
			if len(p.List) != 1 || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			for _, c := range err.Error() {
				if c < ' ' && c != '\n' {
					t.Errorf("the message would send %q to the terminal: %q", c, err)
				}
			}
		})
	}
}

func TestExcerptMarksTheColumn(t *testing.T) {
	_, err := Parse("x.toml", []byte("[cpu]\n\tcount 4\n"))
	want := "    2 |  count 4\n      |        ^"
	if got := problemsOf(t, err).List[0].Excerpt; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBracketsAndDotsInStringsAndCommentsDoNotNest(t *testing.T) {
	nest := strings.Repeat("[.{", 100)
	mustParse(t, "x.toml", small+"# "+nest+"\n[[init.files]]\npath = \"/a\"\ntext = \"\"\"\""+nest+"\"\"\"\"\"\n"+
		"[[init.files]]\npath = \"/b\"\ntext = '"+nest+"'\n"+
		"[[init.files]]\npath = \"/c\"\ntext = \"\\\""+nest+"\"\n"+
		"[[init.files]]\npath = \"/d\"\ntext = '''\n"+nest+"'\n'''\n")
}

func TestManyMistakesAreCountedNotListed(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "k%d = 1\n", i)
	}
	_, err := Parse("x.toml", []byte(text.String()))
	p := problemsOf(t, err)
	if len(p.List) != maxProblems || p.More != 1002-maxProblems {
		t.Errorf("%d listed and %d more", len(p.List), p.More)
	}
	if !strings.HasSuffix(p.Error(), "and 902 more") {
		t.Errorf("the end is %q", p.Error()[len(p.Error())-30:])
	}
}

func TestLargeHostileFilesAreJudged(t *testing.T) {
	tests := map[string]string{
		"many keys under a long name": "[" + strings.Repeat("a", 60) + strings.Repeat("."+strings.Repeat("b", 60), 30) + "]\n",
		"many arrays of tables":       strings.Repeat("[[a]]\n", MaxFile/6-1),
		"one long array":              "x = [" + strings.Repeat("1,", MaxFile/2-10) + "]",
		"one long key":                strings.Repeat("a", MaxFile-10) + "=1",
		"one long string":             "name = \"" + strings.Repeat("a", MaxFile-10) + "\"",
	}
	tests["many keys under a long name"] += manyKeys(maxKeys - 100)
	tests["many keys"] = manyKeys(maxKeys)
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x.toml", []byte(text))
			if message := problemsOf(t, err).Error(); len(message) > 1<<16 {
				t.Errorf("a message of %d bytes", len(message))
			}
		})
	}
}

func manyKeys(n int) string {
	var keys strings.Builder
	for i := range n {
		fmt.Fprintf(&keys, "%x=1\n", i)
	}
	return keys.String()
}

func TestPathsBeginInTheFilesFolderAndThoseOfSetsInTheCurrentOne(t *testing.T) {
	const text = "[boot]\nkernel = \"./k\"\ninitrd = \"i\"\n"
	m := mustParse(t, "vm/a.toml", text)
	if m.Boot.Kernel != "vm/./k" || m.Boot.Initrd != "vm/i" {
		t.Errorf("kernel %q, initrd %q", m.Boot.Kernel, m.Boot.Initrd)
	}
	m = mustParse(t, "a.toml", text)
	if m.Boot.Kernel != "./k" || !m.Boot.OwnKernelFile() || m.Boot.Initrd != "i" || !m.Boot.OwnInitrdFile() {
		t.Errorf("kernel %q, initrd %q", m.Boot.Kernel, m.Boot.Initrd)
	}
	m = mustParse(t, "vm/a.toml", text, "boot.kernel=./other", "boot.initrd=none")
	if m.Boot.Kernel != "./other" || m.Boot.Initrd != InitrdNone || m.Boot.OwnInitrdFile() {
		t.Errorf("kernel %q, initrd %q", m.Boot.Kernel, m.Boot.Initrd)
	}
}

func TestSetsReplaceValuesAndTheLastWins(t *testing.T) {
	m := mustParse(t, "x.toml", small,
		"cpu.count=2", "cpu.count=4", "init.exec[1]=-c", "init.exec[2]=a = b", `init.env=["A=1"]`,
		"boot.cmdline=quiet loglevel=3", "name=12", "init.files[0].path=/a", "init.files[0].text=\"x\\n\"", "memory.thp=true")
	want := Default()
	want.Name = "12"
	want.CPU.Count, want.CPU.CoresPerSocket = 4, 4
	want.Memory.THP = true
	want.Boot.Kernel, want.Boot.Cmdline = "k", "quiet loglevel=3"
	want.Init = Init{
		Exec: []string{"/bin/sh", "-c", "a = b"}, Env: []string{"A=1"}, Hostname: "12",
		Files: []File{{Path: "/a", Text: "x\n", Mode: 0o644}},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSetsThatAreNoneAreRefused(t *testing.T) {
	for _, text := range []string{"", "cpu.count", "=1", ".=1", "a..b=1", "a[=1", "a[x]=1", "a[0]b=1", "a[-1]=1", "a b=1", "a=\xff", "a=\x00"} {
		if s, err := ParseSet(text); err == nil {
			t.Errorf("%q was taken for %v", text, s)
		}
	}
}

func TestMistakesOfSetsStandBesideThoseOfTheFile(t *testing.T) {
	_, err := Parse("x.toml", []byte(small+"[cpu]\ncount = 0\n"), parseSets(t, "memory.size=1", "cpu.nonsense=1")...)
	want := `x.toml: 3 mistakes:
  x.toml:6:9: cpu.count = 0: must be 1 to 255; raise it
  --set cpu.nonsense: cpu.nonsense: a machine has no such key; it has count, model, threads_per_core, cores_per_socket
  --set memory.size: memory.size = "1": must be a whole number with a unit, KiB, MiB, GiB or TiB; say which unit, as in "1MiB"`
	if diff := cmp.Diff(want, problemsOf(t, err).Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASetCuresAMistakeOfTheFile(t *testing.T) {
	mustParse(t, "x.toml", small+"[cpu]\ncount = \"many\"\n", "cpu.count=3")
}

func TestLoadReportsAFileThatCannotBeRead(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "absent.toml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "machine file: open ") {
		t.Errorf("got %v", err)
	}
	long := filepath.Join(t.TempDir(), "long.toml")
	if err := os.WriteFile(long, make([]byte, MaxFile+100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(long); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}

func TestNamesAreMadeFromAnyFileName(t *testing.T) {
	for file, want := range map[string]string{
		"demo.toml": "demo", "a/b/My VM.toml": "My-VM", ".toml": "machine", "": "machine", "/dev/stdin": "stdin",
		"--x.toml": "x", "é.toml": "machine", strings.Repeat("y", 99): strings.Repeat("y", 64), "a..b_.toml": "a..b_",
	} {
		m := mustParse(t, file, small)
		if m.Name != want {
			t.Errorf("%q: name %q, want %q", file, m.Name, want)
		}
	}
}

func TestValidateJudgesMachinesMadeByPrograms(t *testing.T) {
	m := Default()
	m.Name, m.Boot.Kernel, m.Init.Exec = "made", "/boot/vmlinuz", []string{"sh"}
	m.Complete()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	m.CPU.Count, m.Boot.Protocol, m.Memory.HugePages = 0, "", 3
	want := `machine "made": 3 mistakes:
  machine "made": cpu.count = 0: must be 1 to 255; raise it
  machine "made": memory.hugepages = "3 bytes": must be "off", "2MiB" or "1GiB"; take one of these
  machine "made": boot.protocol = "": must be "auto", "bzimage", "elf" or "pvh"; take one of these`
	if diff := cmp.Diff(want, problemsOf(t, m.Validate()).Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSocketsAndIDsOfEveryArrangementFit(t *testing.T) {
	for count := 1; count <= MaxVCPUs; count++ {
		c := CPU{Count: count, ThreadsPerCore: 1, CoresPerSocket: count}
		if id := c.highestAPICID(); id != count-1 {
			t.Fatalf("%d cores in one socket: highest APIC id %d", count, id)
		}
	}
	if id := (CPU{Count: 12, ThreadsPerCore: 2, CoresPerSocket: 3}).highestAPICID(); id != 0b1_10_1 {
		t.Errorf("two sockets of three cores of two threads: highest APIC id %#b", id)
	}
}

func TestNearestWord(t *testing.T) {
	words := []string{"count", "model", "threads_per_core"}
	for s, want := range map[string]string{
		"cuont": "count", "Count": "count", "threads-per-core": "threads_per_core", "thread_per_core": "threads_per_core",
		"xyz": "", "": "", "m": "",
	} {
		if got, _ := nearest(s, words); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
