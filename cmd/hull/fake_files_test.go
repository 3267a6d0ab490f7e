package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/builtins"
	"github.com/hullvm/hull/manager"
)

// guestPath is a path of the fake guest, as the host has it.
func (f *fakeEngine) guestPath(path string) string { return filepath.Join(f.files, path) }

func (f *fakeEngine) Stat(_ context.Context, ref, path string) (*manager.FileStat, error) {
	if err := f.simple(ref, "stat %s %s", ref, path); err != nil {
		return nil, err
	}
	if f.stat != nil {
		return f.stat, nil
	}
	info, err := os.Lstat(f.guestPath(path))
	if err != nil {
		return nil, err
	}
	s := &manager.FileStat{Name: info.Name(), Size: info.Size(), Mode: info.Mode(), ModTime: info.ModTime()}
	if info.Mode()&fs.ModeSymlink != 0 {
		s.LinkTarget, err = os.Readlink(f.guestPath(path))
	}
	return s, err
}

// builtin has the agent's own code do it.
func (f *fakeEngine) builtin(ctx context.Context, in io.Reader, out io.Writer, args ...string) error {
	var words bytes.Buffer
	if builtins.All()[args[0]](ctx, agent.BuiltinCall{Args: args, Stdin: in, Stdout: out, Stderr: &words}) != 0 {
		return errors.New(strings.TrimSpace(words.String()))
	}
	return nil
}

func (f *fakeEngine) CopyFrom(ctx context.Context, ref, path string, archive io.Writer) error {
	if err := f.simple(ref, "copy-from %s %s", ref, path); err != nil {
		return err
	}
	if f.tar != nil {
		_, err := archive.Write(f.tar)
		return err
	}
	return f.builtin(ctx, nil, archive, "get", f.guestPath(path))
}

func (f *fakeEngine) CopyTo(ctx context.Context, ref, path string, archive io.Reader) error {
	if err := f.simple(ref, "copy-to %s %s", ref, path); err != nil {
		return err
	}
	return f.builtin(ctx, archive, nil, "put", f.guestPath(path))
}
