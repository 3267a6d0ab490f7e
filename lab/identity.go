package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// identity names a process for good: a number alone is given to another one
// after its process has ended.
type identity struct {
	PID int `json:"pid"`

	// Start is when the process started, in clock ticks after the machine did
	// (proc(5), /proc/pid/stat field 22).
	Start uint64 `json:"start"`
}

// identify returns the identity of a process that runs now.
func identify(pid int) (identity, error) {
	if pid <= 1 {
		return identity{}, fmt.Errorf("process %d: %w", pid, unix.ESRCH)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return identity{}, fmt.Errorf("process %d: look up: %w", pid, reason(err))
	}
	start, state, err := parseStat(stat)
	if err != nil {
		return identity{}, fmt.Errorf("process %d: look up: %w", pid, err)
	}
	if state == 'Z' || state == 'X' {
		return identity{}, fmt.Errorf("process %d: %w", pid, unix.ESRCH)
	}
	return identity{PID: pid, Start: start}, nil
}

// parseStat takes the start time and the state out of /proc/pid/stat. The
// program's name, the second field, may hold blanks and parentheses.
func parseStat(stat []byte) (start uint64, state byte, err error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, 0, errors.New("stat has no program name")
	}
	fields := bytes.Fields(stat[end+1:])
	const stateField, startField = 0, 19 // proc(5) calls them 3 and 22
	if len(fields) <= startField || len(fields[stateField]) != 1 {
		return 0, 0, errors.New("stat is too short")
	}
	start, err = strconv.ParseUint(string(fields[startField]), 10, 64)
	if err != nil {
		return 0, 0, errors.New("stat's start time is no number")
	}
	return start, fields[stateField][0], nil
}

// alive says whether the process still runs.
func (id identity) alive() bool {
	now, err := identify(id.PID)
	return err == nil && now == id
}

// kill sends a signal to the process, or to nobody: a pidfd is opened before
// the identity is looked at, so that the process cannot change in between.
func (id identity) kill(sig unix.Signal) error {
	if id.PID <= 1 {
		return unix.ESRCH
	}
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !id.alive() {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// end sends TERM, waits for up to grace, and sends KILL.
func (id identity) end(grace time.Duration) error {
	for _, step := range []struct {
		sig  unix.Signal
		wait time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, 5 * time.Second}} {
		if err := id.kill(step.sig); errors.Is(err, unix.ESRCH) {
			return nil
		} else if err != nil {
			return fmt.Errorf("process %d: signal %d: %w", id.PID, step.sig, err)
		}
		for deadline := time.Now().Add(step.wait); time.Now().Before(deadline); {
			if !id.alive() {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return fmt.Errorf("process %d: does not end", id.PID)
}
