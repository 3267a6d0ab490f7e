package cgroup

import (
	"errors"
	"os"
	"path"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mount2       = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
	controllers2 = "cpuset cpu io memory pids\n"
)

func mount1(root string, trees ...string) string {
	var b strings.Builder
	for _, tree := range trees {
		b.WriteString("33 31 0:30 " + root + " /sys/fs/cgroup/" + tree + " rw,relatime shared:9 - cgroup cgroup rw," + tree + "\n")
	}
	return b.String()
}

func TestGroupsOfASystemdHostLieBesideItsOwn(t *testing.T) {
	f := newFake(t, "22 1 0:21 / /proc rw - proc proc rw\n"+mount2, "0::/system.slice/hull.service\n")
	f.tree("sys/fs/cgroup", controllers2, "2\n3\n") // kernel threads, in the tree's own root
	f.tree("sys/fs/cgroup/system.slice/hull.service", controllers2, "99\n")
	h := f.mustFind()
	g, err := h.create("web", Limits{CPUs: 1.5, Memory: 64 << 20, PIDs: 100})
	if err != nil {
		t.Fatal(err)
	}
	f.wantWrites("cgroup.subtree_control=+cpu +memory +pids +io", "hull/cgroup.subtree_control=+cpu +memory +pids +io",
		"hull/web/cpu.max=150000 100000", "hull/web/memory.swap.max=0", "hull/web/memory.max=67108864", "hull/web/pids.max=100")
	if got := f.short(g.Path()); got != "hull/web" {
		t.Errorf("the group is %s", got)
	}
	if err := g.Set(Limits{}); err != nil {
		t.Fatal(err)
	}
	f.writes = f.writes[:0]
	if err := g.Set(Limits{CPUs: 0.01}); err != nil {
		t.Fatal(err)
	}
	f.wantWrites("hull/web/cpu.max=1000 100000", "hull/web/memory.swap.max=max", "hull/web/memory.max=max", "hull/web/pids.max=max")
	if _, err := h.create("web", Limits{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second group of that name: %v", err)
	}
	if _, err := h.open("web"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"none", "cgroup.procs"} {
		if _, err := h.open(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("open %s: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", supervisorsName, "a\nb", strings.Repeat("x", 256)} {
		if _, err := h.create(name, Limits{}); err == nil || errors.Is(err, os.ErrExist) {
			t.Errorf("a group called %q: %v", name, err)
		}
	}
	for range 2 {
		if s, err := h.supervisors(); err != nil || f.short(s.Path()) != "hull/hull.supervisors" {
			t.Errorf("supervisors: %v, %v", s, err)
		}
	}
}

func TestAContainersRootIsCleared(t *testing.T) {
	f := newFake(t, mount2, "0::/\n")
	f.tree("sys/fs/cgroup", controllers2, "1\n7\n")
	f.put("sys/fs/cgroup/cgroup.type", "domain\n")
	if _, err := f.mustFind().create("web", Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := f.get("sys/fs/cgroup/init/cgroup.procs"); got != "1\n7" {
		t.Errorf("in the leaf are %q", got)
	}
}

func TestAUsersGroupIsNotCleared(t *testing.T) {
	f := newFake(t, mount2, "0::/user.slice/me.service/app\n")
	f.tree("sys/fs/cgroup", controllers2, "")
	f.put("sys/fs/cgroup/user.slice/x", "")
	f.tree("sys/fs/cgroup/user.slice/me.service", controllers2, "5\n")
	f.put("sys/fs/cgroup/user.slice/me.service/cgroup.type", "domain\n")
	f.readOnly = []string{"/sys/fs/cgroup", "user.slice"}
	h := f.mustFind()
	if got := f.short(h.bases[""]); got != "user.slice/me.service" || h.movable {
		t.Errorf("groups lie below %s, movable %v", got, h.movable)
	}
	if err := h.prepare(); err == nil || !strings.Contains(err.Error(), "has processes of its own") {
		t.Errorf("prepare: %v", err)
	}
	f.put("sys/fs/cgroup/user.slice/me.service/cgroup.procs", "")
	if err := h.prepare(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	f := newFake(t, mount2, "0::/\n")
	f.tree("sys/fs/cgroup", "cpu pids\n", "")
	if _, err := f.find(); err == nil || !strings.Contains(err.Error(), "has no controller memory") || !strings.Contains(err.Error(), "controller cpu: not mounted") {
		t.Errorf("without memory: %v", err)
	}
	f.put("sys/fs/cgroup/cgroup.controllers", controllers2)
	f.readOnly = []string{"/sys/fs/cgroup"}
	if _, err := f.find(); !errors.Is(err, unix.EROFS) {
		t.Errorf("on a mount that is read only: %v", err)
	}
	f.readOnly = nil
	h := f.mustFind()
	for file, word := range map[string]string{"cpu.max": "processors", "memory.max": "memory", "memory.swap.max": "memory", "pids.max": "processes"} {
		f.refuse = map[string]error{file: unix.EINVAL}
		_, err := h.create("web", Limits{1, 1 << 20, 5})
		if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), `group "web": limit of `+word) {
			t.Errorf("%s: %v", file, err)
		}
		os.RemoveAll(h.bases[""] + "/hull/web") // plain files keep it there
	}
	f.refuse = map[string]error{"memory.swap.max": os.ErrNotExist, "memory.max": os.ErrNotExist}
	if _, err := h.create("a", Limits{}); err != nil {
		t.Errorf("no limit, and no file for it: %v", err)
	}
	if _, err := h.create("b", Limits{Memory: 1 << 20}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a limit, and no file for it: %v", err)
	}
}

func TestVersion1HasATreeForEachController(t *testing.T) {
	trees := []string{"cpu,cpuacct", "memory", "pids"}
	f := newFake(t, mount1("/docker/abc", trees...)+mount2, "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n2:pids:/docker/abc/x\n0::/\n")
	for _, tree := range trees {
		f.put("sys/fs/cgroup/"+tree+"/cgroup.procs", "")
	}
	f.put("sys/fs/cgroup/pids/x/cgroup.procs", "")
	f.readOnly = []string{"pids"}
	h := f.mustFind()
	g, err := h.create("web", Limits{CPUs: 2, Memory: 1 << 30, PIDs: 7})
	if err != nil {
		t.Fatal(err)
	}
	f.wantWrites("cpu,cpuacct/hull/web/cpu.cfs_period_us=100000", "cpu,cpuacct/hull/web/cpu.cfs_quota_us=200000",
		"memory/hull/web/memory.memsw.limit_in_bytes=1073741824", "memory/hull/web/memory.limit_in_bytes=1073741824", "pids/x/hull/web/pids.max=7")
	if err := g.Set(Limits{Memory: 1 << 29}); err != nil { // a lower one: the other order
		t.Fatal(err)
	}
	f.wantWrites("cpu,cpuacct/hull/web/cpu.cfs_period_us=100000", "cpu,cpuacct/hull/web/cpu.cfs_quota_us=-1",
		"memory/hull/web/memory.limit_in_bytes=536870912", "memory/hull/web/memory.memsw.limit_in_bytes=536870912", "pids/x/hull/web/pids.max=max")
	if _, err := h.create("web", Limits{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second group of that name: %v", err)
	}
	// What somebody left who was killed is no hindrance.
	if err := os.RemoveAll(g.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.open("web"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a group: %v", err)
	}
	if _, err := h.create("web", Limits{}); err != nil {
		t.Error(err)
	}
	if err := g.Freeze(true); !errors.Is(err, errNotMounted) {
		t.Errorf("freeze without a freezer: %v", err)
	}
	if err := g.Add(0); err == nil {
		t.Error("added process 0")
	}
}

func TestLimitsHaveBounds(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, l := range []Limits{{CPUs: -1}, {CPUs: 0.009}, {CPUs: nan}, {CPUs: 1 / (nan - nan)}, {CPUs: 1e6}, {Memory: 1}, {Memory: 1 << 63}, {PIDs: -1}, {PIDs: 1 << 40}} {
		if l.check() == nil {
			t.Errorf("%+v is allowed", l)
		}
	}
	for _, l := range []Limits{{}, {CPUs: 0.01}, {CPUs: 256}, {Memory: 4096}, {PIDs: 1}} {
		if err := l.check(); err != nil {
			t.Error(err)
		}
	}
}

func TestStatisticsAreRead(t *testing.T) {
	f := newFake(t, mount2, "0::/\n")
	f.tree("sys/fs/cgroup", controllers2, "")
	g, err := f.mustFind().create("web", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"cpu.stat":       "usage_usec 1500\nuser_usec 1000\n",
		"memory.current": "4096\n", "memory.max": "8192\n", "memory.peak": "5000\n",
		"memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 1\n",
		"pids.current":  "12\n",
		"io.stat":       "254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0\n8:0 rbytes=1 wbytes=2\n7:1 \n",
	} {
		f.put("sys/fs/cgroup/hull/web/"+file, text)
	}
	s, err := g.Stats()
	want := Stats{CPUTime: 1500 * time.Microsecond, MemoryUsage: 4096, MemoryLimit: 8192, MemoryPeak: 5000, OOMKills: 2, PIDs: 12, ReadBytes: 11, WriteBytes: 22}
	if err != nil || s != want {
		t.Errorf("%+v, %v, want %+v", s, err, want)
	}
	os.RemoveAll(g.Path())
	if _, err := g.Stats(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a group that is gone: %v", err)
	}
	if read, written := parseIO1("8:0 Read 5\n8:0 Write 6\n8:0 Total 11\n9:0 Read 1\nTotal 12\n"); read != 6 || written != 6 {
		t.Errorf("version 1's are %d and %d", read, written)
	}
}

func TestPlacesLeadFromTheMountToTheGroup(t *testing.T) {
	for _, test := range []struct{ root, group, want string }{
		{"/", "/", "/m"},
		{"/", "/a/b", "/m /m/a /m/a/b"},
		{"/", "", "/m"},
		{"/docker/x", "/docker/x", "/m"},
		{"/docker/x", "/docker/x/y", "/m /m/y"},
		{"/docker/x", "/docker/xy", "/m"},
		{"/docker/x", "/other", "/m"},
		{"/", "/../../x", "/m"},
	} {
		m := mount{root: test.root, point: "/m"}
		if got := strings.Join(m.places(test.group), " "); got != test.want {
			t.Errorf("%q in %q: %s, want %s", test.group, test.root, got, test.want)
		}
	}
	if err := quick.Check(func(root, group string) bool {
		m := mount{root: root, point: "/m"}
		for _, p := range m.places(group) {
			if p != "/m" && !strings.HasPrefix(p, "/m/") || path.Clean(p) != p {
				return false
			}
		}
		return true
	}, nil); err != nil {
		t.Error(err)
	}
}

// FuzzProc wants nothing of what it reads but paths that stay where they are.
func FuzzProc(f *testing.F) {
	f.Add(mount2+mount1("/x", "cpu,cpuacct"), "0::/a\n1:name=systemd:/\n2:cpu,cpuacct:/x/y:z\n", "usage_usec 5\n8:0 Read 1\n")
	f.Add(`1 1 1:1 /\040 /mnt/a\134b rw - cgroup2 x rw`, "0::/../..\n", "18446744073709551616 max\n")
	f.Fuzz(func(t *testing.T, mountinfo, membership, stat string) {
		groups := parseMembership(membership)
		for _, m := range parseMounts(mountinfo) {
			for _, group := range groups {
				for _, p := range m.places(group) {
					top := path.Clean(m.point)
					if p != top && !strings.HasPrefix(p, strings.TrimSuffix(top, "/")+"/") {
						t.Errorf("%q of %+v leads to %q", group, m, p)
					}
				}
			}
		}
		for _, pid := range parsePIDs(stat) {
			if pid <= 0 {
				t.Errorf("process %d", pid)
			}
		}
		parseIO1(stat)
		parseIO2(stat)
		if d := duration(keyed(stat, "usage_usec"), time.Microsecond); d < 0 {
			t.Errorf("a time of %v", d)
		}
	})
}
