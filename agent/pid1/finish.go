package pid1

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var finishing sync.Mutex

// finish reports how the main process ended, ends what still runs, brings what
// was written to its disks, and turns the machine off or restarts it. It does
// not return.
func (s *system) finish(e exit, reboot bool) {
	finishing.Lock() // for good: the machine ends once
	if !reboot {
		tellExit(e)
	}
	s.retire()
	endAll()
	unix.Sync()
	drainConsole()
	unmountAll()
	unix.Sync()
	command := unix.LINUX_REBOOT_CMD_POWER_OFF
	if reboot {
		command = unix.LINUX_REBOOT_CMD_RESTART
	}
	err := unix.Reboot(command)
	say("power off: " + errorText(err))
	// A kernel that cannot is stopped, so that the machine at least stands still.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_HALT)
	for {
		time.Sleep(time.Hour)
	}
}

func errorText(err error) string {
	if err == nil {
		return "nothing happened"
	}
	return err.Error()
}

// endAll ends all processes but this one: first in order, then at once.
func endAll() {
	for _, step := range []struct {
		signals []unix.Signal
		grace   time.Duration
	}{
		{[]unix.Signal{unix.SIGTERM, unix.SIGCONT}, restGrace},
		{[]unix.Signal{unix.SIGKILL}, killGrace},
	} {
		if childless() {
			return
		}
		for _, sig := range step.signals {
			_ = unix.Kill(-1, sig)
		}
		for end := time.Now().Add(step.grace); time.Now().Before(end) && !childless(); {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// childless says whether no process is left: all descend from the first, and
// those whose parents are gone are its children.
func childless() bool {
	return errors.Is(unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil), unix.ECHILD)
}

// drainConsole waits until what was written to the console is out, but not for
// ever: nobody may read it.
func drainConsole() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.OpenFile(consolePath(""), os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		defer f.Close()
		raw, err := f.SyscallConn()
		if err != nil {
			return
		}
		_ = raw.Control(func(fd uintptr) {
			_ = unix.IoctlSetInt(int(fd), unix.TCSBRK, 1) // tcdrain(3)
		})
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}
