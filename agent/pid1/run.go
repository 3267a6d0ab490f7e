package pid1

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/agent/freezer"
	"github.com/hullvm/hull/agent/netconf"
	"github.com/hullvm/hull/agent/reap"
)

// How long programs have to end in order, before they are killed.
const (
	mainGrace = 5 * time.Second // the main process, told by a button or a signal
	restGrace = 2 * time.Second // whatever runs after it
	killGrace = time.Second     // from SIGKILL to the end
)

// ending is why and how the machine ends.
type ending struct {
	reboot bool
	hangup bool  // somebody in the guest asked, who may sit at a terminal
	status *exit // what to report whatever the main process says; nil: its own
}

// system is the running first process.
type system struct {
	reaper *reap.Reaper
	conf   *bootconf.Config
	server *agent.Server // of the agent's protocol; nil where it is not served
	end    chan ending
	child  atomic.Pointer[reap.Child] // the main process, once it was started

	groups  string // a directory of cgroup2 below which each process gets a group; "" where there is none
	freezer *freezer.Freezer
	devices *netconf.Devices
}

// Run is the life of the first process: it ends with the machine. In any other
// process it returns an error and does nothing.
func Run() error {
	if os.Getpid() != 1 {
		return errors.New("this is the first process of a guest, and does nothing in another")
	}
	s := &system{
		end:     make(chan ending, 1),
		freezer: freezer.New(cgroupRoot),
		devices: netconf.NewDevices(netconf.Options{Resolv: resolvConf, LeaseTime: leaseTime, Remark: say}),
	}
	defer s.guard()
	err := s.run()
	s.fatal(err)
	return err
}

// run returns only an error that the guest cannot live with.
func (s *system) run() error {
	markErr := mark(markUserspace)
	unix.Umask(0o022)
	if err := mountAll(standardMounts, say); err != nil {
		return err
	}
	adoptConsole()
	linkDevices()
	if markErr != nil {
		_ = mark(markUserspace) // through /dev/port, which is there now
	}

	// Ctrl-Alt-Del comes as a signal instead of a reset.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF)
	s.watchSignals()
	s.reaper = reap.Adopt()

	f, err := os.Open(bootconf.Path)
	if err != nil {
		return fmt.Errorf("configuration %q: open: %w", bootconf.Path, reason(err))
	}
	s.conf, err = bootconf.Decode(f)
	f.Close()
	if err != nil {
		return err
	}
	if s.conf.Hostname != "" {
		if err := unix.Sethostname([]byte(s.conf.Hostname)); err != nil {
			return fmt.Errorf("host name %q: %w", s.conf.Hostname, err)
		}
	}
	if err := loadModules(s.conf.Modules, say); err != nil {
		return err
	}
	if err := mountFilesystems(s.conf.Mounts); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		say(err.Error())
	}
	s.network()
	watchPowerButton(func() { s.ask(ending{}) }, s.start)
	if s.conf.Lab != nil {
		return s.lab()
	}
	s.groups = makeGroups(guestCgroup)
	if s.conf.VsockPort != 0 {
		if err := s.serve(s.conf.VsockPort); err != nil {
			return err
		}
	}
	s.main()
	return nil
}

// watchSignals turns signals into wishes: SIGUSR2, SIGUSR1 and SIGPWR for the
// power, SIGTERM and SIGINT (Ctrl-Alt-Del) for a reboot.
func (s *system) watchSignals() {
	c := make(chan os.Signal, 16)
	signal.Notify(c, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPWR, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE)
	s.start(func() {
		for sig := range c {
			switch sig {
			case unix.SIGUSR1, unix.SIGUSR2, unix.SIGPWR:
				s.ask(ending{hangup: true, status: &exit{}})
			case unix.SIGTERM, unix.SIGINT:
				s.ask(ending{hangup: true, reboot: true})
			}
		}
	})
}

// ask wants the machine to end. The first wish counts. A main process that waits
// for a thaw, or stands still, would not hear of it.
func (s *system) ask(e ending) {
	select {
	case s.end <- e:
		s.start(s.retire)
	default:
	}
}

// start is the go statement, for a process that must not be lost to a panic.
func (s *system) start(f func()) {
	go func() {
		defer s.guard()
		f()
	}()
}

// guard, deferred, makes a panic the end of the machine, with a word about it.
func (s *system) guard() {
	if v := recover(); v != nil {
		s.fatal(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	}
}

// fatal ends the machine because the first process cannot go on.
func (s *system) fatal(err error) {
	if err == nil {
		err = errors.New("nothing left to do")
	}
	say(err.Error())
	s.finish(exit{code: codeFatal}, false)
}

// say puts a line on the console.
func say(line string) { fmt.Fprintf(os.Stderr, "hull-agent: %s\r\n", line) }
