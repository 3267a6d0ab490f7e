package monitor_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/peripherals/host"
)

// supervise starts a machine, says the number of its monitor, and waits. args are the
// program, the kernel and a folder.
func supervise(args []string) int {
	if err := superviseOne(args[0], args[1], args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	time.Sleep(time.Hour)
	return 0
}

func superviseOne(program, kernel, dir string) error {
	ctx := context.Background()
	m, err := configs.Parse("test.toml", []byte("[memory]\nsize = \"32MiB\"\n[boot]\nkernel = \"test\"\ninitrd = \"none\"\n"))
	if err != nil {
		return err
	}
	h, err := host.Open(ctx, m, host.Options{Monitor: true})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "control")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	c := spawn.Config{Program: program, Machine: m, Host: h, Jail: true, AllowSlowKVM: true, Stderr: os.Stderr}
	if c.Control, err = l.File(); err != nil {
		return err
	}
	if c.Kernel, err = os.Open(kernel); err != nil {
		return err
	}
	p, err := spawn.Start(ctx, c)
	if err != nil {
		return err
	}
	client, err := control.Dial(ctx, path)
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	fmt.Println(p.PID)
	return nil
}

// makeImages makes the disks of devices.
func makeImages(t testing.TB, dir string) {
	t.Helper()
	for name, format := range map[string]string{"disk": disk.Raw, "more": disk.QCOW2} {
		if err := disk.Create(filepath.Join(dir, name), disk.CreateOptions{Format: format, Size: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	}
}
