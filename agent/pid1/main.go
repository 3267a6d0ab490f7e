package pid1

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/agent/local"
	"github.com/hullvm/hull/agent/reap"
)

// defaultEnv is what a main process has that was given no environment.
var defaultEnv = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"TERM=linux",
}

// main runs the main process to its end, which is the machine's.
func (s *system) main() {
	c := s.conf
	env := c.Env
	if len(env) == 0 {
		env = defaultEnv
	}
	_ = mark(markMain)
	leave := s.freezer.Await()
	child, err := startMain(s.reaper, c, env, openGroup(s.groups, mainGroup))
	leave()
	if err != nil {
		say(fmt.Sprintf("command %q: start: %v", c.Exec[0], err))
		s.finish(exitOfStart(err), false)
	}
	s.child.Store(child)
	select {
	case <-child.Done():
		s.finish(endOf(child), false)
	case e := <-s.end:
		s.retire() // what stands still does not hear a signal
		status := endMain(child, e.hangup)
		if e.status != nil {
			status = *e.status
		}
		s.finish(status, e.reboot)
	}
}

// startMain starts the main process in the foreground of the console, and in a
// cgroup, which may be nil. It closes the cgroup.
//
// The session is this process's own, which never ends: when the leader of a
// session does, the kernel hangs its terminal up and drops what is not sent yet,
// and with it the main process's last words.
func startMain(reaper *reap.Reaper, c *bootconf.Config, env []string, group *os.File) (*reap.Child, error) {
	defer group.Close() // a nil one says so, and no more
	dir := c.Dir
	if dir == "" {
		dir = "/"
	}
	if err := unix.Access(dir, unix.X_OK); err != nil {
		return nil, fmt.Errorf("directory %q: %w", dir, err)
	}
	program, err := local.LookPath("", c.Exec[0], dir, env)
	if err != nil {
		return nil, err
	}
	fd, tty := openConsole(consolePath(c.Console), say)
	if fd < 0 {
		return nil, fmt.Errorf("console: %w", unix.ENODEV)
	}
	defer unix.Close(fd)
	_, _ = unix.Setsid() // fails where this process leads a session already
	// A console that cannot be a controlling terminal is still one to write to.
	tty = tty && unix.IoctlSetInt(fd, unix.TIOCSCTTY, 0) == nil
	attr := &syscall.ProcAttr{
		Dir:   dir,
		Env:   env,
		Files: []uintptr{uintptr(fd), uintptr(fd), uintptr(fd)},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Foreground: tty, Ctty: fd},
	}
	if group != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(group.Fd())
		if child, err := reaper.Start(program, c.Exec, attr, reap.Options{}); err == nil {
			return child, nil
		}
		attr.Sys.UseCgroupFD = false // a kernel before 5.7 cannot start it there
	}
	return reaper.Start(program, c.Exec, attr, reap.Options{})
}

func endOf(c *reap.Child) exit {
	ws, _, err := c.Wait()
	if err != nil {
		return exit{code: codeFatal} // somebody else has waited for it
	}
	return exitOf(ws)
}

// endMain tells the main process to end, and kills it when it does not.
func endMain(c *reap.Child, hangup bool) exit {
	if hangup {
		_ = c.SignalGroup(unix.SIGHUP)
	}
	_ = c.SignalGroup(unix.SIGTERM)
	_ = c.SignalGroup(unix.SIGCONT) // a stopped one would not hear it
	timer := time.NewTimer(mainGrace)
	defer timer.Stop()
	select {
	case <-c.Done():
	case <-timer.C:
		_ = c.SignalGroup(unix.SIGKILL)
	}
	return endOf(c)
}
