package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/hullvm/hull/bench/qmp"
)

// qemuArgs is the command line of a machine of some type. All that is not said is
// QEMU's default. Its monitor's socket is descriptor 3, and it waits to be told to
// start, as Hull's monitor does.
func qemuArgs(o options, machineType string) []string {
	return []string{
		"-M", machineType, "-accel", "kvm", "-cpu", "host",
		"-smp", strconv.Itoa(o.vcpus), "-m", strconv.Itoa(o.memory),
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", o.vmlinux, "-initrd", o.initrd, "-append", cmdline,
		"-S", "-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
	}
}

func startQEMU(machineType string) func(context.Context, place, func(int)) (*process, error) {
	return func(ctx context.Context, x place, placed func(int)) (_ *process, err error) {
		p := &process{}
		defer func() {
			if err != nil {
				err = errors.Join(err, p.close())
			}
		}()
		path, listener, err := p.listen(x.dir)
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		words, err := p.messages()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(x.options.qemu, qemuArgs(x.options, machineType)...)
		cmd.ExtraFiles = []*os.File{listener}
		cmd.Stderr = words
		stdin, err := cmd.StdinPipe() // a closed one ends its console
		if err != nil {
			return nil, err
		}
		p.onClose(func() error {
			_ = stdin.Close() // the process's end may have closed it
			return nil
		})
		console, theirs, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		p.watch(console)
		defer theirs.Close()
		cmd.Stdout = theirs
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		p.pid = cmd.Process.Pid
		p.onClose(func() error {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
			return nil
		})
		if placed != nil {
			placed(p.pid)
		}
		_ = listener.Close()
		q, err := qmp.Dial(ctx, path)
		if err != nil {
			return nil, withWords(err, words)
		}
		p.greeted = time.Since(begin)
		// A thread of its own greets before there is a machine. Commands are obeyed by
		// the main loop, which comes after.
		if err = q.Do(ctx, "qmp_capabilities", nil); err == nil {
			err = p.answered(begin)
		}
		if err != nil {
			return nil, errors.Join(withWords(err, words), q.Close())
		}
		p.onClose(q.Close)
		p.resume = func(ctx context.Context) error { return q.Do(ctx, "cont", nil) }
		return p, nil
	}
}
