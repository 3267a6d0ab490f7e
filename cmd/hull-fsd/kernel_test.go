package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/spawn"
	"github.com/hullvm/hull/internal/fswire"
	"github.com/hullvm/hull/internal/hosttest"
)

// mount serves dir with hull-fsd and mounts it on this host, by its own FUSE
// driver, which is the one that a guest's virtio-fs is made of. It returns where.
func mount(t *testing.T, dir string, c spawn.Config) string {
	t.Helper()
	if os.Geteuid() != 0 {
		hosttest.Missing(t, "root, who alone may mount")
	}
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		hosttest.Missing(t, "open /dev/fuse: %v", err)
	}
	f := os.NewFile(uintptr(dev), "fuse")
	target := t.TempDir()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other", dev)
	if err := unix.Mount("hull", target, "fuse.hull", unix.MS_NODEV, options); err != nil {
		f.Close()
		hosttest.Missing(t, "mount fuse: %v", err)
	}
	client := serveOnly(t, dir, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close() // ends what waits for the file system
		relay(t, f, client)
	}()
	t.Cleanup(func() {
		if err := unix.Unmount(target, 0); err != nil {
			t.Errorf("unmount: %v", err)
			_ = unix.Unmount(target, unix.MNT_DETACH)
		}
		<-done
	})
	stopPolling(t, dir, target)
	return target
}

// relay hands the kernel's requests to the server and the replies back, until the
// file system is unmounted.
func relay(t *testing.T, f *os.File, client *fusetest.Client) {
	for {
		b := make([]byte, fswire.MaxRequest)
		n, err := f.Read(b)
		if errors.Is(err, unix.ENODEV) {
			return
		}
		if err != nil {
			t.Errorf("/dev/fuse: %v", err)
			return
		}
		capacity := fswire.MaxReply
		switch fuse.Opcode(binary.LittleEndian.Uint32(b[4:])) {
		case fuse.FORGET, fuse.BATCH_FORGET:
			capacity = 0
		}
		reply, err := client.Send(b[:n], capacity)
		if err != nil {
			t.Errorf("send: %v", err)
			return
		}
		if capacity > 0 {
			go func() {
				// An interrupted request is not there any more (ENOENT), nor may the file
				// system be, after what nobody waits for.
				if p, ok := <-reply; ok {
					if _, err := f.Write(p); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, os.ErrClosed) {
						t.Errorf("reply: %v", err)
					}
				}
			}()
		}
	}
}

func TestLinuxUsesTheDirectory(t *testing.T) {
	for _, cache := range []string{"auto", "none", "always"} {
		t.Run(cache, func(t *testing.T) {
			dir := t.TempDir()
			m := mount(t, dir, spawn.Config{Cache: cache, Xattr: true})
			check(t, os.MkdirAll(filepath.Join(m, "a/b/c"), 0o755))
			check(t, os.WriteFile(filepath.Join(m, "a/b/f"), []byte("content"), 0o640))
			check(t, os.Rename(filepath.Join(m, "a/b/f"), filepath.Join(m, "g")))
			check(t, os.Link(filepath.Join(m, "g"), filepath.Join(m, "h")))
			check(t, os.Symlink("a/b/c", filepath.Join(m, "l")))
			check(t, os.WriteFile(filepath.Join(m, "l/through"), []byte("x"), 0o600))
			if b, err := os.ReadFile(filepath.Join(m, "h")); string(b) != "content" || err != nil {
				t.Errorf("h is %q, %v", b, err)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "a/b/c/through")); string(b) != "x" || err != nil {
				t.Errorf("through the link %q, %v", b, err)
			}
			if err := unix.Setxattr(filepath.Join(m, "g"), "user.hull", []byte("v"), 0); err != nil && err != unix.EOPNOTSUPP {
				t.Errorf("setxattr: %v", err)
			}
			if err := unix.Setxattr(filepath.Join(m, "g"), "trusted.hull", []byte("v"), 0); err != unix.EOPNOTSUPP {
				t.Errorf("setxattr of another namespace: %v", err)
			}
			// Locks are the guest's own: they work, and the host has none.
			g, err := os.OpenFile(filepath.Join(m, "g"), os.O_RDWR, 0)
			check(t, err)
			defer g.Close()
			check(t, unix.Flock(int(g.Fd()), unix.LOCK_EX|unix.LOCK_NB))
			check(t, unix.FcntlFlock(g.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
			onHost, err := os.Open(filepath.Join(dir, "g"))
			check(t, err)
			defer onHost.Close()
			check(t, unix.Flock(int(onHost.Fd()), unix.LOCK_EX|unix.LOCK_NB))
			// An open file outlives its name.
			check(t, os.Remove(filepath.Join(m, "g")))
			check(t, os.Remove(filepath.Join(m, "h")))
			if _, err := g.WriteAt([]byte("C"), 0); err != nil {
				t.Error(err)
			}
			check(t, g.Sync())
			b := make([]byte, 7)
			if _, err := g.ReadAt(b, 0); string(b) != "Content" || err != nil {
				t.Errorf("read %q, %v", b, err)
			}
			check(t, os.RemoveAll(filepath.Join(m, "a")))
			check(t, os.Remove(filepath.Join(m, "l")))
			if list, err := os.ReadDir(dir); len(list) != 0 || err != nil {
				t.Errorf("the directory has %v, %v", list, err)
			}
		})
	}
}

// A directory that is large is listed whole and removed, with names that come and
// go while that happens.
func TestLinuxListsALargeDirectory(t *testing.T) {
	dir := t.TempDir()
	m := mount(t, dir, spawn.Config{})
	const n = 400
	for i := range n {
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%0*d", i, i%200+1, i)), nil, 0o600))
	}
	for range 2 {
		list, err := os.ReadDir(m)
		if len(list) != n || err != nil {
			t.Fatalf("%d names, %v; want %d", len(list), err, n)
		}
		for _, e := range list {
			if _, err := e.Info(); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(m)
	check(t, err)
	for _, e := range entries {
		check(t, os.Remove(filepath.Join(m, e.Name())))
	}
	if list, err := os.ReadDir(dir); len(list) != 0 || err != nil {
		t.Errorf("%d names are left, %v", len(list), err)
	}
}

// What the guest's users may is what the guest's kernel says, and what they make
// is theirs.
func TestLinuxUsersAreWhoTheyAre(t *testing.T) {
	dir := t.TempDir()
	m := mount(t, dir, spawn.Config{})
	for _, p := range []string{dir, m, filepath.Dir(m), filepath.Dir(filepath.Dir(m))} {
		_ = os.Chmod(p, 0o777)
	}
	check(t, os.WriteFile(filepath.Join(m, "root"), []byte("secret"), 0o600))
	check(t, os.WriteFile(filepath.Join(m, "suid"), []byte("x"), 0o777))
	check(t, os.Chmod(filepath.Join(m, "suid"), 0o777|os.ModeSetuid))
	asUser(t, 4321, func() {
		if _, err := os.ReadFile(filepath.Join(m, "root")); !errors.Is(err, os.ErrPermission) {
			t.Errorf("root's file: %v", err)
		}
		if err := os.Mkdir(filepath.Join(m, "d"), 0o700); err != nil {
			t.Error(err)
		}
		f, err := os.OpenFile(filepath.Join(m, "suid"), os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if _, err := f.WriteString("y"); err != nil {
			t.Error(err)
		}
	})
	var st unix.Stat_t
	check(t, unix.Stat(filepath.Join(dir, "d"), &st))
	if st.Uid != 4321 || st.Gid != 4321 {
		t.Errorf("d belongs to %d:%d", st.Uid, st.Gid)
	}
	check(t, unix.Stat(filepath.Join(dir, "suid"), &st))
	if st.Mode&unix.S_ISUID != 0 {
		t.Errorf("a user wrote, and the file's mode is still %o", st.Mode)
	}
}

func TestLinuxSeesAReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o666))
	m := mount(t, dir, spawn.Config{ReadOnly: true})
	if b, err := os.ReadFile(filepath.Join(m, "f")); string(b) != "x" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	for name, err := range map[string]error{
		"write":  os.WriteFile(filepath.Join(m, "f"), nil, 0),
		"create": os.WriteFile(filepath.Join(m, "g"), nil, 0o600),
		"remove": os.Remove(filepath.Join(m, "f")),
		"chmod":  os.Chmod(filepath.Join(m, "f"), 0o600),
	} {
		if !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: %v, want EROFS", name, err)
		}
	}
}

// stopPolling makes the kernel ask once whether files of the share can be polled,
// which they cannot. Were it to ask when the runtime adds a file to its poller,
// the relay, which is in the same process, would wait for the poller.
func stopPolling(t *testing.T, dir, target string) {
	t.Helper()
	const name = "polled once"
	check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	fd, err := unix.Open(filepath.Join(target, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	check(t, err)
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	check(t, errors.Join(err, unix.Close(fd), os.Remove(filepath.Join(dir, name))))
}
