package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/bench/figures"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/guest/initrd"
	"github.com/hullvm/hull/guest/kernel"
)

// Files that prepare makes.
const (
	kernelFile      = "vmlinux"    // a link to the decompressed kernel
	initrdFile      = "initrd"     // with the guest's half as /init
	agentInitrdFile = "agent.cpio" // what Hull made, with its agent
	imageFile       = "root.img"   // ext4, with fio and iperf3
)

// programs of the root disk, as Debian's packages have installed them here.
var programs = []string{"fio", "iperf3"}

// drivers that the guest's half loads. A machine has PCI or MMIO.
var drivers = []string{"virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "ext4", "vmw_vsock_virtio_transport"}

// prepare makes what all machines run.
func prepare(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.prepare, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, options) error
	}{
		{"disk image", makeImage},
		{"initrd", makeInitrd},
		{"agent's initrd", makeAgentInitrd},
	} {
		if err := step.do(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// makeInitrd makes the initrd that has the guest's half in the agent's place.
func makeInitrd(_ context.Context, o options) error {
	bundle, err := kernel.OpenStore(guest.DirsFromEnv(os.Getenv).Kernels).Get(o.bundle)
	if err != nil {
		return err
	}
	loaded, err := bundle.Modules(drivers)
	if err != nil {
		return err
	}
	i := initrd.Options{
		Agent:  o.guest,
		Config: bootconf.Config{Exec: []string{"/init"}}, // it reads the modules only
	}
	for _, m := range loaded {
		i.Modules = append(i.Modules, initrd.Module{Name: m.Name, Path: m.Path, Optional: m.Soft})
	}
	var b bytes.Buffer
	if err := initrd.Build(&b, i); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.prepare, initrdFile), b.Bytes(), 0o644)
}

// makeAgentInitrd has Hull make the initrd of a machine with all devices, and a
// link to the decompressed kernel. The one module more is for QEMU's microvm.
func makeAgentInitrd(ctx context.Context, o options) error {
	config := filepath.Join(o.prepare, "agent.toml")
	text := devicesTOML(o.prepare, filepath.Join(o.prepare, "vsock"), o, true) + fmt.Sprintf(
		"[boot]\nkernel = %q\nprotocol = \"elf\"\n[init]\nexec = [\"/guestbench\", \"ready\"]\nmodules = [\"virtio_mmio\"]\n", o.bundle,
	)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, o.hull, "boot", config, "--dry-run", "--write-initrd", filepath.Join(o.prepare, agentInitrdFile))
	var complaints strings.Builder
	cmd.Stderr = &complaints
	plan, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("hull boot --dry-run: %w: %s", err, complaints.String())
	}
	for line := range strings.Lines(string(plan)) {
		path, ok := strings.CutPrefix(line, "# kernel:")
		if !ok {
			continue
		}
		link := filepath.Join(o.prepare, kernelFile)
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return os.Symlink(strings.TrimSpace(path), link)
	}
	return fmt.Errorf("hull boot --dry-run names no kernel: %s", plan)
}

// makeImage makes the root disk.
func makeImage(ctx context.Context, o options) error {
	files, err := imageFiles(ctx, o)
	if err != nil {
		return err
	}
	image := filepath.Join(o.prepare, imageFile)
	tree, err := os.MkdirTemp("", "devbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	size := int64(0)
	for to, from := range files {
		n, err := copyFile(from, filepath.Join(tree, to))
		if err != nil {
			return err
		}
		size += n
	}
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "run", "mnt", "root", "etc"} {
		if err := os.MkdirAll(filepath.Join(tree, dir), 0o755); err != nil {
			return err
		}
	}
	accounts := "root:x:0:0:root:/root:/bin/sh\n"
	if err := os.WriteFile(filepath.Join(tree, "etc/passwd"), []byte(accounts), 0o644); err != nil {
		return err
	}
	// A tenth, and what the file system takes for itself.
	mib := size>>20*11/10 + 16
	if err := os.Remove(image); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-m", "0",
		"-d", tree, image, fmt.Sprintf("%dM", mib)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	return nil
}

// imageFiles are the programs and the libraries that they need, by their paths
// in the image.
func imageFiles(ctx context.Context, o options) (map[string]string, error) {
	files := map[string]string{"/guestbench": o.guest}
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, fmt.Errorf("%w (Debian's package %s has it)", err, name)
		}
		files["/usr/bin/"+name] = path
		out, err := exec.CommandContext(ctx, "ldd", path).Output()
		if err != nil {
			return nil, fmt.Errorf("ldd %q: %w", path, err)
		}
		for _, lib := range libraries(string(out)) {
			files[lib] = lib
		}
	}
	return files, nil
}

// libraries are the files that ldd names: "libc.so.6 => /lib/libc.so.6 (0x...)",
// and "/lib64/ld-linux-x86-64.so.2 (0x...)".
func libraries(ldd string) []string {
	var out []string
	for line := range strings.Lines(ldd) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 4 && fields[1] == "=>" && filepath.IsAbs(fields[2]):
			out = append(out, fields[2])
		case len(fields) == 2 && filepath.IsAbs(fields[0]):
			out = append(out, fields[0])
		}
	}
	return out
}

func copyFile(from, to string) (n int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return 0, err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(out, in)
	return n, errors.Join(err, out.Close())
}

// mac and address of a network, for Hull's agent.
type network struct {
	tap, mac, guest, host string
	vhost                 bool
}

var networks = []network{
	{"bench0", figures.MACVHost, figures.GuestVHost, figures.HostVHost, true},
	{"bench1", figures.MACPlain, figures.GuestPlain, figures.HostPlain, false},
}
