package lab

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDirsFromEnv(t *testing.T) {
	state := func(forUser string) string {
		if os.Geteuid() == 0 {
			return "/run/hull/lab"
		}
		return forUser
	}
	tests := map[string]struct {
		env  map[string]string
		want Dirs
	}{
		"own variables": {
			map[string]string{"HULL_LAB_DIR": "/a", "HULL_CACHE_DIR": "/b", "HOME": "/h", "XDG_CACHE_HOME": "/c"},
			Dirs{State: "/a", Cache: "/b"},
		},
		"base directories": {
			map[string]string{"XDG_RUNTIME_DIR": "/run/user/1", "XDG_CACHE_HOME": "/c", "HOME": "/h"},
			Dirs{State: state("/run/user/1/hull/lab"), Cache: "/c/hull"},
		},
		"home": {
			map[string]string{"HOME": "/h"},
			Dirs{State: state("/h/.local/state/hull/lab"), Cache: "/h/.cache/hull"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := DirsFromEnv(func(k string) string { return test.env[k] })
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
	if _, err := DirsFromEnv(func(string) string { return "" }); err == nil {
		t.Error("without any variable: no error")
	}
}

func TestOpenRefusesADirectoryThatOthersCanEnter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	if _, err := Open(Dirs{State: dir}, "true"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("made %v, %v; want a private directory", info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Dirs{State: dir}, "true"); err == nil {
		t.Error("an open directory: no error")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Dirs{State: link}, "true"); err == nil {
		t.Error("a link: no error")
	}
}
