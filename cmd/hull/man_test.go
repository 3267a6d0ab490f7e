package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// someRoot is a command tree as the real one, without its commands' needs.
func someRoot() *cobra.Command {
	root := &cobra.Command{Use: "hull", Short: "Boot machines"}
	root.AddCommand(&cobra.Command{Use: "boot FILE.toml", Short: "Boot one", Run: func(*cobra.Command, []string) {}})
	return root
}

func TestManWritesAPageForEachCommand(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	if err := runMan(someRoot(), folder); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"hull.1", "hull-boot.1"} {
		page, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte(".TH \"HULL")) || bytes.Contains(page, []byte("Auto generated")) {
			t.Errorf("%s is\n%s", name, page)
		}
	}
}

func TestManSaysWhichFolderCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := runMan(someRoot(), filepath.Join(file, "man1"))
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

func TestCompletionKnowsItsShells(t *testing.T) {
	for _, shell := range completionShells {
		var out bytes.Buffer
		if err := runCompletion(&app{Stdout: &out}, someRoot(), shell); err != nil || !strings.Contains(out.String(), "hull") {
			t.Errorf("%s: %v, %d bytes", shell, err, out.Len())
		}
	}
	err := runCompletion(&app{}, someRoot(), "tcsh")
	if err == nil || !strings.Contains(err.Error(), `"tcsh"`) {
		t.Errorf("got %v", err)
	}
}

// TestManHasTheRealCommands writes the pages of the whole tree.
func TestManHasTheRealCommands(t *testing.T) {
	folder := t.TempDir()
	a, _, _ := hullApp(&fakeEngine{}, nil, nil)
	root := newRootCommand(a)
	if err := runMan(root, folder); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			continue
		}
		page, err := os.ReadFile(filepath.Join(folder, "hull-"+cmd.Name()+".1"))
		if err != nil {
			t.Error(err)
		} else if !bytes.Contains(page, []byte(".SH SYNOPSIS")) {
			t.Errorf("hull-%s.1 is\n%s", cmd.Name(), page)
		}
	}
}
