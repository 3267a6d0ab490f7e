package manager

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
)

// maxFirstHeader bounds what is read of an archive for its first header, in bytes:
// two longest paths and what stands around them.
const maxFirstHeader = 64 << 10

// Stat says what a path of a running guest is.
func (m *Manager) Stat(ctx context.Context, ref, path string) (*FileStat, error) {
	var s *FileStat
	err := m.withAgent(ctx, ref, fmt.Sprintf("look at %q", path), func(c *agent.Client) error {
		var err error
		s, err = statWith(path, func(archive io.Writer) error { return c.Call(ctx, nil, archive, "get", path) })
		return err
	})
	return s, err
}

// statWith is Stat by the beginning of the archive that get writes.
func statWith(path string, get func(archive io.Writer) error) (*FileStat, error) {
	r, w := io.Pipe()
	got := make(chan error, 1)
	go func() {
		err := get(w)
		w.CloseWithError(err)
		got <- err
	}()
	h, err := tar.NewReader(io.LimitReader(r, maxFirstHeader)).Next()
	r.CloseWithError(errEnough) // the rest is not wanted
	failure := <-got
	if err == nil {
		return newFileStat(path, h), nil
	}
	if failure == nil || errors.Is(failure, errEnough) {
		return nil, fmt.Errorf("the guest's archive: %w", err)
	}
	// The agent's word is all there is to tell it by.
	if strings.HasSuffix(strings.TrimSuffix(failure.Error(), `"`), unix.ENOENT.Error()) {
		return nil, &instance.Error{Kind: instance.KindFailed, Err: fmt.Errorf("there is no such file in the guest: %w", fs.ErrNotExist)}
	}
	return nil, failure
}

var errEnough = errors.New("enough of it was read")

func newFileStat(path string, h *tar.Header) *FileStat {
	info := h.FileInfo()
	name := strings.TrimRight(path, "/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	if name == "" {
		name = "/"
	}
	return &FileStat{Name: name, Size: info.Size(), Mode: info.Mode(), ModTime: info.ModTime(), LinkTarget: h.Linkname}
}
