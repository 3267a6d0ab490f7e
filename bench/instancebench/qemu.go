package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"
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
		q, err := dialQMP(ctx, path)
		if err != nil {
			return nil, withWords(err, words)
		}
		p.greeted = time.Since(begin)
		// A thread of its own greets before there is a machine. Commands are obeyed by
		// the main loop, which comes after.
		if err = q.do(ctx, "qmp_capabilities"); err == nil {
			err = p.answered(begin)
		}
		if err != nil {
			return nil, errors.Join(withWords(err, words), q.conn.Close())
		}
		p.onClose(q.conn.Close)
		p.resume = func(ctx context.Context) error { return q.do(ctx, "cont") }
		return p, nil
	}
}

// qmp is a connection to QEMU's monitor.
type qmp struct {
	conn    net.Conn
	replies *json.Decoder
}

// message is one that QEMU sends, as far as it matters here.
type message struct {
	Greeting json.RawMessage `json:"QMP"`
	Return   json.RawMessage `json:"return"`
	Error    json.RawMessage `json:"error"`
}

// dialQMP returns when QEMU has greeted.
func dialQMP(ctx context.Context, path string) (*qmp, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	q := &qmp{conn: conn, replies: json.NewDecoder(conn)}
	m, err := q.read(ctx)
	if err == nil && m.Greeting == nil {
		err = errors.New("QEMU's first word is no greeting")
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return q, nil
}

func (q *qmp) read(ctx context.Context) (m message, err error) {
	stop := context.AfterFunc(ctx, func() { _ = q.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err = q.replies.Decode(&m); err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return m, err
}

// do has QEMU obey a command that has no arguments.
func (q *qmp) do(ctx context.Context, command string) error {
	if _, err := fmt.Fprintf(q.conn, "{\"execute\": %q}\n", command); err != nil {
		return fmt.Errorf("QEMU: %s: %w", command, err)
	}
	for {
		m, err := q.read(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("QEMU: %s: %w", command, err)
		case m.Error != nil:
			return fmt.Errorf("QEMU: %s: %s", command, m.Error)
		case m.Return != nil:
			return nil
		}
		// All else is an event.
	}
}
