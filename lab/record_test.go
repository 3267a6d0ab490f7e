package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func hostDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lab")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReadSpecReadsWhatWasWritten(t *testing.T) {
	dir := hostDir(t)
	want := testSpec()
	if err := writeJSON(dir, specFile, want); err != nil {
		t.Fatal(err)
	}
	got, err := readSpec(dir)
	if err != nil || *got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestReadSpecRefusesHostileFiles(t *testing.T) {
	write := func(content string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]func(t *testing.T, path string){
		"missing":   func(*testing.T, string) {},
		"empty":     write(""),
		"no object": write("[1]"),
		"cut off":   write(`{"name": "lab"`),
		"invalid":   write(`{"name": "lab"}`),
		"huge":      write(`{"name": "` + strings.Repeat("a", maxRecord) + `"}`),
		"another host's": func(t *testing.T, path string) {
			s := testSpec()
			s.Name = "other"
			if err := writeJSON(filepath.Dir(path), specFile, s); err != nil {
				t.Fatal(err)
			}
		},
		"a link": func(t *testing.T, path string) {
			elsewhere := t.TempDir()
			if err := writeJSON(elsewhere, specFile, testSpec()); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(elsewhere, specFile), path); err != nil {
				t.Fatal(err)
			}
		},
		"a pipe that nobody writes": func(t *testing.T, path string) {
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a directory": func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			dir := hostDir(t)
			make(t, filepath.Join(dir, specFile))
			if _, err := readSpec(dir); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestReadRecordRefusesAnotherVersion(t *testing.T) {
	dir := hostDir(t)
	if err := writeJSON(dir, recordFile, record{Version: recordVersion + 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := readRecord(dir); err == nil {
		t.Error("no error")
	}
}

func TestLockIsHeldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path); !errors.Is(err, errLocked) {
		t.Errorf("second lock: %v, want that another has it", err)
	}
	held.Close()
	again, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestLockFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "target"), filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := lock(filepath.Join(dir, "lock")); err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat(filepath.Join(dir, "target")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link's target: %v, want that it was not made", err)
	}
}
