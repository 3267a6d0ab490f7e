package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/agent"
)

const (
	bigFile   = 16 << 20 // bytes
	manyCount = 400      // files
)

func useShare(m *machine, dir string) {
	t := m.t
	size := fmt.Sprint(bigFile)
	m.run(guestside, "write-file", "/mnt/shared/from-guest", "1", size)
	if err := checkPattern(filepath.Join(dir, "from-guest"), 1, bigFile); err != nil {
		t.Errorf("what the guest wrote: %v", err)
	}
	if err := writePattern(filepath.Join(dir, "from-host"), 2, bigFile); err != nil {
		t.Fatal(err)
	}
	m.run(guestside, "check-file", "/mnt/shared/from-host", "2", size)

	m.sh("mv /mnt/shared/from-guest /mnt/shared/renamed && rm /mnt/shared/from-host")
	if _, err := os.Stat(filepath.Join(dir, "renamed")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "from-host")); err == nil {
		t.Error("what the guest removed is still there")
	}

	m.sh("mkdir /mnt/shared/many")
	m.run(guestside, "many-files", "/mnt/shared/many", fmt.Sprint(manyCount))
	if left, err := os.ReadDir(filepath.Join(dir, "many")); err != nil || len(left) != manyCount*9/10 {
		t.Errorf("the guest left %d files, %v, want %d", len(left), err, manyCount*9/10)
	}

	// What the host changes is seen, once what the guest believes is too old.
	changing := filepath.Join(dir, "changing")
	if err := os.WriteFile(changing, []byte("before\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := m.sh("cat /mnt/shared/changing"); got != "before\n" {
		t.Errorf("the guest reads %q", got)
	}
	if err := os.WriteFile(changing, []byte("afterwards\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); m.sh("cat /mnt/shared/changing") != "afterwards\n"; {
		if time.Now().After(end) {
			t.Fatal("the guest does not see what the host has changed")
		}
	}
}

func useReadOnlyShare(m *machine, dir string) {
	t := m.t
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("first\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := m.sh("cat /mnt/fixed/file"); got != "first\n" {
		t.Errorf("the guest reads %q", got)
	}
	for _, line := range []string{
		"echo x > /mnt/fixed/new", "echo x >> /mnt/fixed/file", "rm /mnt/fixed/file", "mkdir /mnt/fixed/dir",
		"mv /mnt/fixed/file /mnt/fixed/other", "chmod 600 /mnt/fixed/file",
	} {
		p := m.begin(agent.Command{Args: []string{"sh", "-c", line}})
		if exit := p.finish(); !strings.Contains(strings.ToLower(p.stderr.String()), "read-only") {
			t.Errorf("%s: %v, %q", line, exit, p.stderr.String())
		}
	}
	// The guest's kernel may be made to believe that it can be written: then the
	// host says no.
	m.sh("mkdir /mnt/again && mount -t virtiofs fixed /mnt/again")
	p := m.begin(agent.Command{Args: []string{"sh", "-c", "echo x > /mnt/again/new"}})
	if exit := p.finish(); exit.Status() == 0 {
		t.Error("the guest could write")
	}
	m.sh("umount /mnt/again")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "first\n" {
		t.Errorf("the file has %q, %v", b, err)
	}
	// Without a cache the guest sees a change at once.
	if err := os.WriteFile(file, []byte("second\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := m.sh("cat /mnt/fixed/file"); got != "second\n" {
		t.Errorf("the guest reads %q", got)
	}
}
