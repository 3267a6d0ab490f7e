package snapshot

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var hash = strings.Repeat("0123456789abcdef", 4)

// sample has every field.
func sample() *Manifest {
	return &Manifest{
		Format:   Format,
		Hull:     "v0.1.0",
		Created:  time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Name:     "before-upgrade",
		Instance: Instance{Name: "web", ID: hash},
		Parent:   &Parent{Name: "fresh", Manifest: hash},
		Machine:  File{Size: 100, SHA256: hash},
		State:    File{Size: 2000, SHA256: hash},
		Memory: Memory{
			Size: 4 << 30, PageSize: 4096, Backing: BackingAnonymous,
			Slots: []Slot{{Base: 0, Size: 3 << 30, Offset: 0}, {Base: 4 << 30, Size: 1 << 30, Offset: 3 << 30}},
			Sums:  hash, Map: hash,
		},
		CPU:    CPU{Vendor: "AuthenticAMD", Family: 25, Model: 1, Stepping: 1, Name: "AMD EPYC <7763>", Guest: "host", TSC: 2450000},
		VCPUs:  4,
		Held:   12 * time.Millisecond,
		Kernel: "debian-13-6.12.48",
		Disks: []Disk{
			{Name: "root", Role: RoleDisk, Format: "qcow2", Path: "/srv/ä.qcow2", Unchanged: true, File: Identity{Size: 1 << 30, Device: 65024, Inode: 1 << 63, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}},
			{Name: "root", Role: RoleBacking, Format: "raw", Path: "/dev/sda", ReadOnly: true, File: Identity{Size: 4096, Device: 2048}},
		},
	}
}

func encoded(t testing.TB, m *Manifest) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The file of each released format is kept, and read for ever.
func TestGoldenManifest(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "format-1", ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), string(encoded(t, sample()))); diff != "" {
		t.Errorf("the same is written otherwise today:\n%s", diff)
	}
	m, err := Decode(bytes.NewReader(golden))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), m); diff != "" {
		t.Error(diff)
	}
}

func TestAManifestWithTheLeastIsReadAsItWas(t *testing.T) {
	m := sample()
	m.Parent, m.Memory.Map, m.Kernel, m.CPU.Name, m.Disks = nil, "", "", "", nil
	got, err := Decode(bytes.NewReader(encoded(t, m)))
	m.Disks = []Disk{}
	if diff := cmp.Diff(m, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestManifestsThatCannotHaveBeenWritten(t *testing.T) {
	for want, change := range map[string]func(m *Manifest){
		"its format is 2":                func(m *Manifest) { m.Format = 2 },
		"hull: text":                     func(m *Manifest) { m.Hull = "" },
		"created: time":                  func(m *Manifest) { m.Created = time.Time{} },
		"want one in UTC":                func(m *Manifest) { m.Created = m.Created.In(time.FixedZone("x", 3600)) },
		"name: it has to begin":          func(m *Manifest) { m.Name = ".." },
		"name: it may have":              func(m *Manifest) { m.Name = "a/b" },
		"name: it is empty":              func(m *Manifest) { m.Name = "" },
		"name: it has more":              func(m *Manifest) { m.Name = strings.Repeat("n", 65) },
		`instance: name "-"`:             func(m *Manifest) { m.Instance.Name = "-" },
		`instance: id "x"`:               func(m *Manifest) { m.Instance.ID = "x" },
		"parent: it is its own":          func(m *Manifest) { m.Parent.Name = m.Name },
		`parent: name "../x"`:            func(m *Manifest) { m.Parent.Name = "../x" },
		"parent: manifest":               func(m *Manifest) { m.Parent.Manifest = strings.ToUpper(hash) },
		"parent: there is none":          func(m *Manifest) { m.Parent = nil },
		"parent: map of pages":           func(m *Manifest) { m.Memory.Map = "" },
		"vcpus: 0 of them":               func(m *Manifest) { m.VCPUs = 0 },
		"held for -1ns":                  func(m *Manifest) { m.Held = -1 },
		"machine: size of 0":             func(m *Manifest) { m.Machine.Size = 0 },
		"machine: size of 16777217":      func(m *Manifest) { m.Machine.Size = MaxMachine + 1 },
		"state: sha256":                  func(m *Manifest) { m.State.SHA256 = hash + "0" },
		"state: size of -1":              func(m *Manifest) { m.State.Size = -1 },
		"memory: page_size 1":            func(m *Manifest) { m.Memory.PageSize = 1 },
		"memory: size of 4294967297":     func(m *Manifest) { m.Memory.Size++ },
		"memory: size of 35184372088832": func(m *Manifest) { m.Memory.Size = 32 << 40 },
		"memory: backing":                func(m *Manifest) { m.Memory.Backing = "" },
		"memory: sums":                   func(m *Manifest) { m.Memory.Sums = "" },
		"memory: 0 slots":                func(m *Manifest) { m.Memory.Slots = nil },
		"memory: 65 slots":               func(m *Manifest) { m.Memory.Slots = make([]Slot, 65) },
		"slot 0: size of 0":              func(m *Manifest) { m.Memory.Slots[0].Size = 0 },
		"slot 1: size of 2147483648":     func(m *Manifest) { m.Memory.Slots[1].Size = 2 << 30 },
		"slot 1: base 0xbffff000":        func(m *Manifest) { m.Memory.Slots[1].Base = 3<<30 - 4096 },
		"slot 1: base 0xfffffffffffff":   func(m *Manifest) { m.Memory.Slots[1].Base = 1<<64 - 4096 },
		"slot 1: base 0x100000001":       func(m *Manifest) { m.Memory.Slots[1].Base++ },
		"slot 1: offset 0":               func(m *Manifest) { m.Memory.Slots[1].Offset = 0 },
		"slots of 3221225472 bytes":      func(m *Manifest) { m.Memory.Slots = m.Memory.Slots[:1] },
		"cpu: vendor":                    func(m *Manifest) { m.CPU.Vendor = "" },
		"cpu: name":                      func(m *Manifest) { m.CPU.Name = "a\x1b[m" },
		"cpu: guest":                     func(m *Manifest) { m.CPU.Guest = strings.Repeat("g", 257) },
		"cpu: tsc_khz 0":                 func(m *Manifest) { m.CPU.TSC = 0 },
		"kernel: text":                   func(m *Manifest) { m.Kernel = "é" },
		"disks: 1025":                    func(m *Manifest) { m.Disks = make([]Disk, 1025) },
		"disks: 0: role":                 func(m *Manifest) { m.Disks[0].Role = "x" },
		"disks: 1: format":               func(m *Manifest) { m.Disks[1].Format = "vmdk" },
		"disks: 1: size":                 func(m *Manifest) { m.Disks[1].File.Size = -1 },
		`disks: 1: path "a"`:             func(m *Manifest) { m.Disks[1].Path = "a" },
		`disks: 1: path "/a/../b"`:       func(m *Manifest) { m.Disks[1].Path = "/a/../b" },
		`disks: 1: path "/a\x00"`:        func(m *Manifest) { m.Disks[1].Path = "/a\x00" },
		`disks: 1: path "/\xff"`:         func(m *Manifest) { m.Disks[1].Path = "/\xff" },
		`disks: 1: name ""`:              func(m *Manifest) { m.Disks[1].Name = "" },
		"disks: 0: time":                 func(m *Manifest) { m.Disks[0].File.Modified = m.Created.AddDate(9000, 0, 0) },
	} {
		m := sample()
		change(m)
		if _, err := m.Encode(); err == nil || !strings.HasPrefix(err.Error(), "manifest: write: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
		// In a file it is refused as well.
		b, err := m.encode()
		if err != nil {
			continue // a year of five digits
		}
		if _, err := Decode(bytes.NewReader(b)); !errors.Is(err, ErrBadManifest) {
			t.Errorf("%s: what was read gives error %v", want, err)
		}
	}
}

func TestFilesThatHullDoesNotWrite(t *testing.T) {
	whole := string(encoded(t, sample()))
	replace := func(old, by string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.Replace(whole, old, by, 1)
	}
	for want, text := range map[string]string{
		"unexpected end of JSON":      "",
		"unexpected end":              whole[:len(whole)/2],
		"cannot unmarshal":            "[]",
		"its format is 0":             "{}",
		"its format is 2":             `{"format": 2, "new": 1}`,
		`unknown field "more"`:        replace(`"hull":`, `"more": 1, "hull":`),
		"is not written":              replace(`"hull":`, `"Hull":`),
		"not written as":              replace(`"name":`, `"name": "x", "name":`),
		"written as Hull writes it":   whole + "\n",
		"invalid character 'x'":       whole + "x",
		"as Hull writes":              replace(`"kernel"`, ` "kernel"`),
		"it is not written as Hull":   replace("05.000000006Z", "05.0000000060Z"),
		"it has more than 1048576 by": strings.Repeat(" ", MaxManifest) + whole,
	} {
		_, err := Decode(strings.NewReader(text))
		if !errors.Is(err, ErrBadManifest) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	if _, err := Decode(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, ErrBadManifest) {
		t.Errorf("error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, sample()))
	f.Add([]byte(`{"format": 1, "name": "../x", "disks": null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, ErrBadManifest) {
				t.Errorf("error %v", err)
			}
			return
		}
		if again := encoded(t, m); !bytes.Equal(again, b) {
			t.Errorf("read %s, and wrote %s", b, again)
		}
		if filepath.Base(m.Name) != m.Name || strings.HasPrefix(m.Name, ".") {
			t.Errorf("name %q", m.Name)
		}
	})
}
