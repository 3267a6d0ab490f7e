package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hullvm/hull/guest/applets"
	"github.com/hullvm/hull/internal/guesttest"
)

// hostTools are Debian's programs that guests run, with all their libraries.
var hostTools = []string{"fio", "iperf3"}

// root is the image that all guests start from, made once.
var root struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// rootImage is an ext4 file system with a shell, fio, iperf3 and guestside. It
// must not be written: see rootCopy and overlay.
func rootImage(t testing.TB) string {
	t.Helper()
	for _, tool := range append([]string{"mkfs.ext4", "e2fsck", "qemu-img"}, hostTools...) {
		if _, err := exec.LookPath(tool); err != nil {
			guesttest.Missing(t, err.Error()+": run scripts/setup.sh")
		}
	}
	root.once.Do(func() { root.err = makeRoot() })
	if root.err != nil {
		t.Fatal(root.err)
	}
	return root.path
}

func makeRoot() error {
	dir, err := os.MkdirTemp("", "hull-root-")
	if err != nil {
		return err
	}
	root.dir, root.path = dir, filepath.Join(dir, "root.img")
	tree := filepath.Join(dir, "tree")
	if err := plant(tree); err != nil {
		return fmt.Errorf("root image: %w", err)
	}
	out, err := exec.Command("mkfs.ext4", "-q", "-d", tree, root.path, "384M").CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	return os.RemoveAll(tree)
}

// plant makes the files of the root file system.
func plant(tree string) error {
	for _, d := range []string{"bin", "etc", "proc", "sys", "dev", "run", "tmp", "root", "mnt", "data"} {
		if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	copies := map[string]string{
		"/bin/" + guestside:       self,
		"/bin/" + applets.Program: filepath.Join(programs(), applets.Program),
	}
	for _, tool := range hostTools {
		path, err := exec.LookPath(tool)
		if err != nil {
			return err
		}
		copies["/bin/"+tool] = path
		libraries, err := libraries(path)
		if err != nil {
			return err
		}
		for _, l := range libraries {
			copies[l] = l
		}
	}
	for to, from := range copies {
		if err := copyFile(filepath.Join(tree, to), from, 0o755); err != nil {
			return err
		}
	}
	for _, name := range applets.Names() {
		if err := os.Symlink(applets.Program, filepath.Join(tree, "bin", name)); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(tree, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644),
		os.WriteFile(filepath.Join(tree, "etc/group"), []byte("root:x:0:\n"), 0o644),
		os.WriteFile(filepath.Join(tree, "etc/hosts"), []byte("127.0.0.1 localhost\n"), 0o644),
	)
}

// libraries are the files that the dynamic linker loads for a program, the
// linker among them.
func libraries(program string) ([]string, error) {
	out, err := exec.Command("ldd", program).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", program, err)
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") {
				list = append(list, word)
			}
		}
	}
	return list, nil
}

func copyFile(to, from string, mode os.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// rootCopy is a raw image of the guest's own, with holes where there is nothing.
func rootCopy(t testing.TB) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "root.img")
	qemuImg(t, "convert", "-f", "raw", "-O", "raw", rootImage(t), to)
	return to
}

// overlay is a qcow2 image of the guest's own on top of the root image.
func overlay(t testing.TB) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "root.qcow2")
	qemuImg(t, "create", "-q", "-f", "qcow2", "-F", "raw", "-b", rootImage(t), to)
	return to
}

// qemuImg runs qemu-img, which must find nothing wrong.
func qemuImg(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.Command("qemu-img", args...).CombinedOutput()
	if err != nil {
		t.Errorf("qemu-img %s: %v\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
}
