package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hullvm/hull/bench/measure"
)

// booted is what the guest's main process says when all is measured.
const booted = "BENCH-READY"

// measured is one boot.
type measured struct {
	at       map[string]time.Duration // since exec, by event name
	overhead int64                    // bytes of memory beside the guest's own
}

// eventReady is the main process's word on the serial console.
const eventReady = "ready"

// errNotApplicable says that a monitor cannot boot a row by its design.
type errNotApplicable string

func (e errNotApplicable) Error() string { return string(e) }

// boot starts one machine, waits until its main process speaks, measures, and
// ends the monitor.
func boot(o options, tr *tracer, m monitor, r row) (measured, error) {
	dir, err := os.MkdirTemp("", "bootbench")
	if err != nil {
		return measured{}, err
	}
	defer os.RemoveAll(dir)
	args, why, err := m.command(o, r, dir)
	if err != nil {
		return measured{}, err
	}
	if args == nil {
		return measured{}, errNotApplicable(why)
	}
	if err := tr.start(); err != nil {
		return measured{}, fmt.Errorf("trace: %w", err)
	}
	ready := measure.NewWatcher(booted)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout = ready
	cmd.Env = append(os.Environ(), m.env...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	// gokvm never ends where its standard input is no terminal and closed.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return measured{}, err
	}
	defer stdin.Close()
	begin, err := monotonic()
	if err != nil {
		return measured{}, err
	}
	if err := cmd.Start(); err != nil {
		return measured{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var result measured
	select {
	case <-ready.Seen():
		var now time.Duration
		if now, err = monotonic(); err != nil {
			break
		}
		result.at = map[string]time.Duration{eventReady: now - begin}
		result.overhead, err = measure.Overhead(cmd.Process.Pid, int64(r.memory)<<20)
	case e := <-ended:
		return measured{}, fmt.Errorf("ended before it was ready: %w: %s", errors.Join(e), complaints.String())
	case <-time.After(o.timeout):
		err = fmt.Errorf("not ready after %v", o.timeout)
	}
	_ = cmd.Process.Kill()
	<-ended
	seen, stopErr := tr.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return measured{}, err
	}
	for _, e := range events {
		// A guest's marks may be missing: ports fault under some monitors.
		if at, ok := seen[e.name]; ok {
			result.at[e.name] = at - begin
		}
	}
	return result, nil
}
