package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/hullvm/hull/bench/measure"
)

// ready is what a container's program says.
const ready = "BENCH-READY"

// containerSpec is the OCI runtime specification of a container with the programs that
// the machines have, and the namespaces and mounts that runtimes give by default.
func containerSpec() map[string]any {
	mount := func(to, kind, source string, options ...string) map[string]any {
		return map[string]any{"destination": to, "type": kind, "source": source, "options": options}
	}
	var namespaces []map[string]string
	for _, kind := range []string{"pid", "network", "ipc", "uts", "mount"} {
		namespaces = append(namespaces, map[string]string{"type": kind})
	}
	return map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"terminal": false, "cwd": "/", "env": []string{"PATH=/bin"}, "noNewPrivileges": true,
			"user": map[string]int{"uid": 0, "gid": 0},
			"args": []string{"sh", "-c", "echo " + ready},
		},
		"root":     map[string]any{"path": "rootfs", "readonly": true},
		"hostname": "bench",
		"mounts": []map[string]any{
			mount("/proc", "proc", "proc"),
			mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		},
		"linux": map[string]any{"namespaces": namespaces},
	}
}

// makeBundle makes a container's folder: the guests' shell, and what it is to do.
func makeBundle(dir, shell string) error {
	root := filepath.Join(dir, "rootfs")
	for _, name := range []string{"bin", "proc", "dev", "sys"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	in, err := os.Open(shell)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Join(root, "bin", "sh"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	text, err := json.Marshal(containerSpec())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644)
}

// measureContainer runs a container, from the execution of its runtime to the first
// word of its program.
func measureContainer(ctx context.Context, p *place, runtime string) (_ values, err error) {
	dir, err := os.MkdirTemp(p.dir, "container")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := makeBundle(dir, filepath.Join(p.options.programs, "hull-shell")); err != nil {
		return nil, err
	}
	var complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, runtime, "--root", filepath.Join(dir, "state"), "run", "--bundle", dir, filepath.Base(dir))
	cmd.Stderr = &complaints
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := measure.Monotonic()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	word := make([]byte, len(ready))
	_, readErr := io.ReadFull(stdout, word)
	took := measure.Monotonic() - begin
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("%s run: %w: %s", filepath.Base(runtime), err, bytes.TrimSpace(complaints.Bytes()))
	}
	if string(word) != ready {
		return nil, fmt.Errorf("%s run: the program said %q", filepath.Base(runtime), word)
	}
	return values{"container-answer": ms(took)}, nil
}
