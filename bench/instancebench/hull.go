package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/peripherals/host"
)

// hullMachine is Hull's description of the machine.
func hullMachine(o options) (*configs.Machine, error) {
	text := fmt.Sprintf("name = \"bench\"\n[cpu]\ncount = %d\n[memory]\nsize = \"%dMiB\"\n"+
		"[boot]\nkernel = %q\nprotocol = \"elf\"\ninitrd = %q\ncmdline_default = false\ncmdline = %q\n",
		o.vcpus, o.memory, o.vmlinux, o.initrd, cmdline)
	return configs.Parse("bench.toml", []byte(text))
}

// startHull starts hull-vmm as a supervisor does: jailed, and told what to do over a
// socket.
func startHull(ctx context.Context, x place, placed func(int)) (_ *process, err error) {
	p := &process{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	machine, err := hullMachine(x.options)
	if err != nil {
		return nil, err
	}
	files, err := guest.Open(machine, guest.Dirs{Cache: x.dir, Programs: x.options.programs})
	if err != nil {
		return nil, err
	}
	p.onClose(files.Close)
	behind, err := host.Open(ctx, machine, host.Options{Programs: x.options.programs, Monitor: true})
	if err != nil {
		return nil, err
	}
	p.onClose(behind.Close)
	path, listener, err := p.listen(x.dir)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	serial, err := p.terminal()
	if err != nil {
		return nil, err
	}
	defer serial.Close()
	words, err := p.messages()
	if err != nil {
		return nil, err
	}
	kernel, initrd := files.Descriptors()
	begin := time.Now()
	started, err := spawn.Start(ctx, spawn.Config{
		Program: filepath.Join(x.options.programs, "hull-vmm"), Machine: machine, Kernel: kernel, Initrd: initrd, Cmdline: files.Cmdline,
		Host: behind, Control: listener, Serial: serial, Stderr: words, Jail: true,
		Placed: func(pid int) error {
			if placed != nil {
				placed(pid)
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	p.pid = started.PID
	p.onClose(started.Kill)
	// The socket is there for as long as this process has it: without the monitor's
	// end, nobody would answer for ever.
	_ = listener.Close()
	client, err := control.Dial(ctx, path)
	if err != nil {
		return nil, withWords(err, words)
	}
	if err := p.answered(begin); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	p.greeted = p.wall // hello is both
	p.onClose(client.Close)
	p.resume = client.Start
	return p, nil
}

// terminal makes the machine's console; the file is for the process.
func (p *process) terminal() (*os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("console: socket: %w", err)
	}
	if err := unix.SetNonblock(pair[0], true); err != nil { // a close ends a read then
		return nil, errors.Join(err, unix.Close(pair[0]), unix.Close(pair[1]))
	}
	p.watch(os.NewFile(uintptr(pair[0]), "console"))
	return os.NewFile(uintptr(pair[1]), "console"), nil
}

// messages is a file of no name for a process's standard error.
func (p *process) messages() (*os.File, error) {
	fd, err := unix.MemfdCreate("messages", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	f := os.NewFile(uintptr(fd), "messages")
	p.onClose(f.Close)
	return f, nil
}

// withWords adds what a process said on its standard error.
func withWords(err error, words *os.File) error {
	const most = 2000 // bytes
	said := make([]byte, most)
	n, _ := words.ReadAt(said, 0) // as much as there is
	return fmt.Errorf("%w: it said %q", err, bytes.TrimSpace(said[:n]))
}
