package pid1

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/agent/local"
)

// Where a lab host puts what its root is made of.
const (
	labShare   = "/hull/share"
	labWritten = "/hull/written"
	labRoot    = "/hull/root"
	labCgroup  = "/sys/fs/cgroup/hull"
)

// How a lab host looks for its port, which the kernel makes after the module
// was loaded, and for a client on it.
const (
	portTime  = 30 * time.Second
	portPause = 20 * time.Millisecond
)

// lab serves the agent's protocol until the machine ends. It returns only an
// error.
func (s *system) lab() error {
	if err := mountAll(labMounts, say); err != nil {
		return err
	}
	if err := makeRoot(&s.conf.Lab.Root, say); err != nil {
		return err
	}
	cgroup := labCgroup
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		cgroup = "" // without cgroup2 a kill reaches the process group
	}
	server := agent.NewServer(agent.ServerOptions{
		Spawner: local.NewSpawner(local.Options{Reaper: s.reaper, Cgroup: cgroup}),
		Remark:  say,
	})
	s.joinLabNetwork()
	failed := make(chan error, 1)
	s.start(func() { failed <- servePort(server, s.conf.Lab.SerialPort) })
	_ = mark(markMain)
	select {
	case err := <-failed:
		return err
	case e := <-s.end:
		ctx, cancel := context.WithTimeout(context.Background(), killGrace)
		defer cancel()
		_ = server.Shutdown(ctx) // what is left is killed with the rest
		s.finish(exit{}, e.reboot)
		return nil
	}
}

// servePort serves one client after the other on the port of a name.
func servePort(server *agent.Server, name string) error {
	device, err := findPort(name)
	if err != nil {
		return err
	}
	for {
		port, err := os.OpenFile(device, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("port %q: open: %w", name, reason(err))
		}
		if err := awaitHost(port); err != nil {
			port.Close()
			return fmt.Errorf("port %q: wait: %w", name, err)
		}
		if err := server.Serve(context.Background(), port); err != nil {
			say(err.Error())
			time.Sleep(portPause)
		}
	}
}

// findPort is the device of the virtio-serial port of a name.
func findPort(name string) (string, error) {
	for end := time.Now().Add(portTime); ; time.Sleep(portPause) {
		if device := portNamed("/sys/class/virtio-ports", name); device != "" {
			return device, nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("port %q: not there after %v", name, portTime)
		}
	}
}

func portNamed(class, name string) string {
	files, _ := filepath.Glob(filepath.Join(class, "*", "name")) // the pattern is good
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.TrimSuffix(string(b), "\n") == name {
			return "/dev/" + filepath.Base(filepath.Dir(f))
		}
	}
	return ""
}

// awaitHost waits until something has the other end of the port open: until
// then it reads as ended. The kernel offers no better way than to ask again.
func awaitHost(port *os.File) error {
	raw, err := port.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var pollErr error
		hungUp := false
		err := raw.Control(func(fd uintptr) {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			_, pollErr = unix.Poll(p, 0)
			hungUp = p[0].Revents&unix.POLLHUP != 0
		})
		if err == nil {
			err = pollErr
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if err == nil && !hungUp {
			return nil
		}
		time.Sleep(portPause)
	}
}

// makeRoot puts the file tree together in which commands run, and enters it.
// Without a share that is the initrd.
func makeRoot(r *bootconf.Root, remark func(string)) error {
	if r.Tag == "" {
		return nil
	}
	for _, m := range rootMounts(r) {
		if err := m.do(); err != nil {
			return fmt.Errorf("root %q: %w", r.Tag, err)
		}
		if m.target == labWritten {
			for _, d := range []string{"upper", "work"} {
				if err := os.Mkdir(filepath.Join(labWritten, d), 0o755); err != nil {
					return fmt.Errorf("root %q: %w", r.Tag, err)
				}
			}
		}
	}
	if err := mountAll(rootFurniture(r), remark); err != nil {
		return err
	}
	if err := enterRoot(labRoot); err != nil {
		return fmt.Errorf("root %q: enter: %w", r.Tag, err)
	}
	return nil
}

// rootMounts make the share, with what is written over it or without, into the
// root.
func rootMounts(r *bootconf.Root) []mount {
	if !r.Overlay {
		return []mount{{r.Tag, labRoot, r.FSType, 0, r.Options, false}}
	}
	return []mount{
		{r.Tag, labShare, r.FSType, unix.MS_RDONLY, r.Options, false},
		{"tmpfs", labWritten, "tmpfs", 0, "mode=755", false},
		{
			"overlay", labRoot, "overlay", 0,
			"lowerdir=" + labShare + ",upperdir=" + labWritten + "/upper,workdir=" + labWritten + "/work", false,
		},
	}
}

// rootFurniture is what belongs to this machine and not to the share. Where
// nothing reaches the host anyway, /tmp stays the host's, seen through the
// overlay: that is where a caller's programs and files often are.
func rootFurniture(r *bootconf.Root) []mount {
	list := []mount{
		{"/proc", labRoot + "/proc", "", unix.MS_BIND | unix.MS_REC, "", false},
		{"/sys", labRoot + "/sys", "", unix.MS_BIND | unix.MS_REC, "", false},
		{"/dev", labRoot + "/dev", "", unix.MS_BIND | unix.MS_REC, "", false},
		{"tmpfs", labRoot + "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755", false},
	}
	if !r.Overlay {
		list = append(list, mount{"tmpfs", labRoot + "/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777", false})
	}
	return list
}
