package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager"
)

func TestInspectIsAnArray(t *testing.T) {
	f := &fakeEngine{instances: someInstances()}
	got := hull(t, f, "inspect", "web", "done")
	var list []manager.Detail
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || len(list) != 2 {
		t.Fatalf("%d instances, %v:\n%s", len(list), err, got.stdout)
	}
	if list[0].Name != "web" || list[0].ID != someID("1") || !list[0].Created.Equal(before(5*time.Hour)) || list[1].State.Exit.Code != 3 {
		t.Errorf("got %+v", list)
	}
	if got.status != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "[\n    {\n        \"version\"") {
		t.Errorf("status %d, %q, begins %q", got.status, got.stderr, got.stdout[:30])
	}
	if line := hull(t, f, "inspect", "--format", "json", "web", "done").stdout; strings.Count(line, "\n") != 1 || !json.Valid([]byte(line)) {
		t.Errorf("--format json: %q", line)
	}
}

func TestInspectForms(t *testing.T) {
	const noNobody = "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n"
	for name, test := range map[string]struct {
		args           []string
		stdout, stderr string
		status         int
	}{
		"template":       {[]string{"--format", "{{.Name}} {{.State.Status}} {{.VCPUs}}", "web", "done"}, "web running 2\ndone exited 2\n", "", 0},
		"part as JSON":   {[]string{"--format", "{{json .State.Exit}}", "done"}, `{"code":3,"reason":"power-off"}` + "\n", "", 0},
		"machine file":   {[]string{"--toml", "web", "db"}, "name = \"web\"\nname = \"db\"\n", "", 0},
		"not there":      {[]string{"nobody"}, "[]\n", noNobody, 1},
		"one not there":  {[]string{"--format", "{{.Name}}", "nobody", "web"}, "web\n", noNobody, 1},
		"no such field":  {[]string{"--format", "{{.Nome}}", "web"}, "", "hull: --format \"{{.Nome}}\": template: format:1:2: executing \"format\" at <.Nome>: can't evaluate field Nome in type *manager.Detail\n", 1},
		"table":          {[]string{"--format", "table", "web"}, "", "hull: --format \"table\": an instance has too much to say for a table; take json or a template\n", 1},
		"two forms":      {[]string{"--format", "json", "--toml", "web"}, "", "hull: if any flags in the group [format toml] are set none of the others can be; [format toml] were all set\n", 125},
		"no instance":    {nil, "", "hull: inspect: 0 arguments; usage: hull inspect REF... [flags]\n", 125},
		"no such option": {[]string{"--size", "web"}, "", "hull: unknown flag: --size\n", 125},
	} {
		t.Run(name, func(t *testing.T) {
			hull(t, &fakeEngine{instances: someInstances()}, append([]string{"inspect"}, test.args...)...).want(t, test.stdout, test.stderr, test.status)
		})
	}
}
