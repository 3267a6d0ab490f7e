package spawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/environ"
	"github.com/hullvm/hull/internal/namespaces"
	"github.com/hullvm/hull/monitor/jail"
	"github.com/hullvm/hull/monitor/startup"
)

// readTime is how long the process may take to read its configuration.
const readTime = 30 * time.Second

// flags are the namespaces that are asked for, by their names.
var flags = map[string]uintptr{
	jail.Users: unix.CLONE_NEWUSER, jail.Mounts: unix.CLONE_NEWNS, jail.PIDs: unix.CLONE_NEWPID, jail.Network: unix.CLONE_NEWNET,
	jail.IPC: unix.CLONE_NEWIPC, jail.UTS: unix.CLONE_NEWUTS, jail.Cgroups: unix.CLONE_NEWCGROUP,
}

// Start starts a monitor. It returns once the process has its configuration; that it
// stands is known when the control socket answers. Where ctx ends before that, or
// there is any other error, nothing is left of it, and the Host's files are still the
// Host's.
func Start(ctx context.Context, c Config) (*Process, error) {
	p, err := start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	return p, nil
}

func start(ctx context.Context, c Config) (_ *Process, err error) {
	manifest, files, err := c.files()
	if err != nil {
		return nil, err
	}
	config, err := c.startup(manifest)
	if err != nil {
		return nil, err
	}
	pipes, err := newPipes()
	if err != nil {
		return nil, err
	}
	defer pipes.closeTheirs()
	cmd, err := c.run(append(pipes.theirs(c.Control), files...))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start: %w", err), pipes.closeOurs())
	}
	p := newProcess(cmd, pipes)
	pipes.closeTheirs()
	if err := p.place(c.Placed); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	if err := pipes.send(ctx, config); err != nil {
		return nil, p.startFailed(ctx, err)
	}
	_ = c.Host.Files.Close() // nothing was written, and the process has its own
	return p, nil
}

// run starts the program with these files.
func (c *Config) run(files []*os.File) (*exec.Cmd, error) {
	program, err := os.OpenFile(c.Program, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	files = append(files, program)
	if !c.Jail {
		cmd := c.command(files, startup.Arguments{Unjailed: true}, nil)
		return cmd, cmd.Start()
	}
	var all uintptr
	for _, f := range flags {
		if f != unix.CLONE_NEWUSER { // which is StartAs's to ask for
			all |= f
		}
	}
	cmd, _, err := namespaces.StartAs(all, c.uid(), func(attr *syscall.SysProcAttr) *exec.Cmd {
		var a startup.Arguments
		for _, name := range jail.Namespaces {
			if attr != nil && attr.Cloneflags&flags[name] != 0 {
				a.Namespaces = append(a.Namespaces, name)
			}
		}
		return c.command(files, a, attr)
	})
	return cmd, err
}

// command runs the last of the files: the user who the process is need not be one who
// may go where the program is. The process closes it, as all that is not in its
// manifest.
func (c *Config) command(files []*os.File, a startup.Arguments, attr *syscall.SysProcAttr) *exec.Cmd {
	const first = 3 // that exec.Cmd gives ExtraFiles
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", first+len(files)-1), a.List()...)
	cmd.Args[0] = c.Program
	cmd.Env = environ.Lean()
	cmd.Dir = "/"
	if c.Stderr != nil { // an interface with a nil file in it is not nil
		cmd.Stderr = c.Stderr
	}
	cmd.ExtraFiles = files
	cmd.SysProcAttr = attr
	return cmd
}
