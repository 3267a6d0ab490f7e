package manager

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/instance"
)

func testManager(t *testing.T) *Manager {
	t.Helper()
	run, err := os.MkdirTemp("", "hull") // t.TempDir's is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	m, err := Open(Dirs{State: t.TempDir(), Run: run}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testMachine(t *testing.T, more string) *configs.Machine {
	t.Helper()
	config, err := configs.Parse("box.toml", []byte("boot.kernel = 'k'\ninit.exec = ['/bin/sh']\n"+more))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func mustCreate(t *testing.T, m *Manager, name string, labels map[string]string) *instance.Description {
	t.Helper()
	d, err := m.Create(t.Context(), CreateOptions{Machine: testMachine(t, ""), Name: name, Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func listed(t *testing.T, m *Manager, o ListOptions) string {
	t.Helper()
	list, err := m.List(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	return strings.Join(names, " ")
}

func TestListsHaveWhatIsAskedFor(t *testing.T) {
	m := testManager(t)
	a := mustCreate(t, m, "a", map[string]string{"tier": "web"})
	b := mustCreate(t, m, "b", map[string]string{"tier": "db", "old": ""})
	mustCreate(t, m, "c", nil)
	st := &instance.State{Version: 1, Status: instance.Exited, Exit: &instance.Exit{Code: 3, Reason: instance.PowerOff}}
	if err := m.store.PutState(b.ID, st); err != nil {
		t.Fatal(err)
	}
	// The last word of one that was killed, and its supervisor with it.
	if err := m.store.PutState(a.ID, &instance.State{Version: 1, Status: instance.Running, Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	filter := func(list ...string) map[string][]string {
		f := make(map[string][]string)
		for _, l := range list {
			name, value, _ := strings.Cut(l, "=")
			f[name] = append(f[name], value)
		}
		return f
	}
	for _, c := range []struct {
		o    ListOptions
		want string
	}{
		{ListOptions{}, ""},
		{ListOptions{All: true}, "c b a"},
		{ListOptions{Last: 2}, "c b"},
		{ListOptions{Filters: filter("status=exited")}, "b a"},
		{ListOptions{Filters: filter("status=created", "status=exited")}, "c b a"},
		{ListOptions{Filters: filter("exited=3")}, "b"},
		{ListOptions{Filters: filter("exited=137")}, "a"},
		{ListOptions{All: true, Filters: filter("label=tier")}, "b a"},
		{ListOptions{All: true, Filters: filter("label=tier=db")}, "b"},
		{ListOptions{All: true, Filters: filter("label=tier", "status=created")}, ""},
		{ListOptions{All: true, Filters: filter("name=b")}, "b"},
		{ListOptions{All: true, Filters: filter("id=" + a.ID[:20])}, "a"},
		{ListOptions{All: true, Filters: filter("before=b")}, "a"},
		{ListOptions{All: true, Filters: filter("since=a")}, "c b"},
		{ListOptions{All: true, Filters: filter("kernel=k")}, "c b a"},
	} {
		if got := listed(t, m, c.o); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
	for _, bad := range []string{"colour=red", "status=gone", "exited=x", "before=nobody"} {
		if _, err := m.List(t.Context(), ListOptions{Filters: filter(bad)}); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
	// Whoever has listed it has settled it.
	if written, err := m.store.State(a.ID); err != nil || written.Status != instance.Exited || written.Exit.Reason != instance.Lost {
		t.Errorf("%+v, %v", written, err)
	}
}

func TestUsersAreTheGuests(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1001::/home/ada:/bin/sh\n7:x:70:71::/:\nbroken:x:y:z::/:\nshort\n"
	const group = "root:x:0:\nstaff:x:50:ada,bob\nmath:x:51:ada\nbad:x:q:ada\n"
	type user struct {
		uid, gid uint32
		groups   []uint32
	}
	for spec, want := range map[string]user{
		"root":      {0, 0, nil},
		"ada":       {1000, 1001, []uint32{50, 51}},
		"1000":      {1000, 1001, []uint32{50, 51}},
		"7":         {70, 71, nil}, // a name before a number
		"12345":     {12345, 0, nil},
		"ada:staff": {1000, 50, nil},
		"ada:99":    {1000, 99, nil},
		"5:51":      {5, 51, nil},
	} {
		u, err := parseUser(spec, []byte(passwd), []byte(group))
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if diff := cmp.Diff(want, user{u.UID, u.GID, u.Groups}, cmp.AllowUnexported(user{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
	for _, spec := range []string{"nobody", "", "broken", "ada:none", "-1", "4294967296", ":5"} {
		if u, err := parseUser(spec, []byte(passwd), []byte(group)); err == nil {
			t.Errorf("%q is %+v", spec, u)
		}
	}
}

func FuzzParseUser(f *testing.F) {
	f.Add("ada:staff", "ada:x:1:2::/:\n", "staff:x:3:ada\n")
	f.Fuzz(func(t *testing.T, spec, passwd, group string) {
		u, err := parseUser(spec, []byte(passwd), []byte(group))
		if err == nil && len(u.Groups) > maxGroups {
			t.Error("more groups than the agent takes")
		}
	})
}
