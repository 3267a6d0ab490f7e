package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/bench/figures"
	"github.com/hullvm/hull/bench/measure"
)

// outcome is what one machine gave: a value, or the reason why there is none,
// by figures' ids.
type outcome struct {
	values  map[string]float64
	reasons map[string]string
}

// settleTime is what a machine has to come to rest.
const settleTime = 5 * time.Second

// runMachine boots one machine, has it do its job, looks at it at rest, and ends
// the monitor. An error says that the machine did not get so far.
func (h *host) runMachine(ctx context.Context, o options, m monitor, j job) (_ outcome, err error) {
	out := outcome{values: make(map[string]float64), reasons: make(map[string]string)}
	args, cleanUp, err := h.command(o, m, j)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()

	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not done after %v", o.timeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var complaints bytes.Buffer
	cmd.Stderr = io.MultiWriter(&complaints, o.console())
	stdin, err := cmd.StdinPipe() // a closed one ends some monitors
	if err != nil {
		return out, err
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return out, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return out, err
	}
	listenErr := h.listen(ctx, o, io.TeeReader(stdout, o.console()), cmd.Process.Pid, begin, j, &out)
	if listenErr == nil && o.hold > 0 {
		fmt.Fprintf(os.Stderr, "devbench: %s is process %d, for %v\n", m.name, cmd.Process.Pid, o.hold)
		select {
		case <-time.After(o.hold):
		case <-ctx.Done():
		}
	}
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, stdout)
	_ = cmd.Wait()
	if listenErr != nil && ctx.Err() != nil {
		listenErr = context.Cause(ctx)
	}
	if listenErr != nil {
		listenErr = fmt.Errorf("%w: %s", listenErr, strings.TrimSpace(complaints.String()))
	}
	return out, listenErr
}

// command makes a monitor's command line and what its guest talks to.
func (h *host) command(o options, m monitor, j job) (_ []string, cleanUp func() error, err error) {
	dir := h.dir
	v := machine{
		dir: dir, kernel: filepath.Join(o.dir, kernelFile), initrd: filepath.Join(o.dir, initrdFile), cmdline: cmdline,
		image: filepath.Join(dir, imageFile), scratch: filepath.Join(dir, scratchFile), vsock: filepath.Join(dir, "vsock"),
		cid: h.nextCID, vcpus: o.vcpus, memory: o.memory, hull: o.hull, qemu: o.qemu,
	}
	h.nextCID++
	if j.boot {
		v.initrd = filepath.Join(o.dir, agentInitrdFile)
	} else {
		order := figures.Order{Time: o.length, Packets: o.packets}
		for _, f := range j.figures {
			if f.Group != figures.Rest {
				order.IDs = append(order.IDs, f.ID)
			}
		}
		v.cmdline += " " + order.Cmdline()
	}
	var stops []func() error
	cleanUp = func() error {
		var errs []error
		for _, stop := range stops {
			errs = append(errs, stop())
		}
		return errors.Join(errs...)
	}
	if m.hybrid {
		s, err := hybrid(v.vsock)
		if err != nil {
			return nil, nil, err
		}
		stops = append(stops, s.close, func() error {
			// A monitor that is killed leaves its socket.
			if err := os.Remove(v.vsock); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			return nil
		})
	}
	stopIperf, err := startIperf()
	if err != nil {
		return nil, nil, errors.Join(err, cleanUp())
	}
	stops = append(stops, func() error { stopIperf(); return nil })
	args, err := m.command(v)
	if err != nil {
		return nil, nil, errors.Join(err, cleanUp())
	}
	return args, cleanUp, nil
}

// listen reads the console until the machine is at rest, and then looks at it.
func (h *host) listen(ctx context.Context, o options, console io.Reader, pid int, begin time.Time, j job, out *outcome) error {
	lines := bufio.NewReader(console)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return errors.New("ended before it was done")
		}
		if j.boot && strings.Contains(line, figures.Ready) {
			ms := float64(time.Since(begin)) / float64(time.Millisecond)
			for _, f := range j.figures {
				out.values[f.ID] = ms
			}
			return nil
		}
		mark, ok := figures.ParseMark(line)
		if !ok {
			continue
		}
		switch mark.Kind {
		case figures.Value:
			out.values[mark.ID] = mark.Value
		case figures.Fail:
			out.reasons[mark.ID] = mark.Text
		case figures.Dead:
			return fmt.Errorf("the guest cannot go on: %s", mark.Text)
		case figures.Idle:
			return rest(ctx, o, pid, j, out)
		}
	}
}

// rest looks at a machine that does nothing.
func rest(ctx context.Context, o options, pid int, j job, out *outcome) error {
	wanted := false
	for _, f := range j.figures {
		wanted = wanted || f.Group == figures.Rest
	}
	if !wanted {
		return nil
	}
	pause := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	pause(settleTime)
	before, err := look(pid, o.memory)
	if err != nil {
		return err
	}
	pause(o.rest)
	after, err := look(pid, o.memory)
	if err != nil {
		return err
	}
	for id, v := range after.since(before) {
		out.values[id] = v
	}
	return nil
}

// view is a monitor at one moment.
type view struct {
	at      time.Time
	threads map[int]measure.Thread
	exits   uint64
	memory  int64 // bytes beside the guest's
}

func look(pid, memoryMiB int) (v view, err error) {
	if v.memory, err = measure.Overhead(pid, int64(memoryMiB)<<20); err != nil {
		return v, err
	}
	if v.exits, err = measure.Exits(pid); err != nil {
		return v, err
	}
	v.at = time.Now()
	v.threads, err = measure.Threads(pid)
	return v, err
}

// since is the figures of the Rest group.
func (v view) since(before view) map[string]float64 {
	seconds := v.at.Sub(before.at).Seconds()
	all, others := measure.Switched(before.threads, v.threads)
	return map[string]float64{
		"idle-switches": float64(all) / seconds,
		"idle-others":   float64(others) / seconds,
		"idle-exits":    float64(v.exits-before.exits) / seconds,
		"memory":        float64(v.memory) / (1 << 20),
	}
}
