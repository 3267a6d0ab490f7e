package local

import (
	"errors"
	"fmt"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/reap"
)

// Options say where and how programs are run.
type Options struct {
	// Reaper starts the processes and waits for them. Nil is one that waits for
	// no other processes.
	Reaper *reap.Reaper

	// Root is the directory that programs see as /; "" is the caller's own.
	// Another one takes privilege.
	Root string

	// Cgroup is a directory of cgroup2 in which each process gets a cgroup of
	// its own, so that nothing it starts escapes a kill. Where it is "", or no
	// cgroup can be made, a kill reaches the process group.
	Cgroup string

	// Enter, if there is one, is called before each start, which it may refuse,
	// and what it returned once the program runs.
	Enter func() (leave func(), err error)
}

// Spawner starts processes of this machine. It is an [agent.Spawner].
type Spawner struct {
	reaper  *reap.Reaper
	root    rootFS
	cgroups *cgroups
	enter   func() (leave func(), err error)
}

var _ agent.Spawner = (*Spawner)(nil)

// NewSpawner returns a Spawner; it needs no end.
func NewSpawner(o Options) *Spawner {
	s := &Spawner{reaper: o.Reaper, root: rootFS{o.Root}, enter: o.Enter}
	if s.reaper == nil {
		s.reaper = reap.New()
	}
	if o.Cgroup != "" {
		s.cgroups = &cgroups{dir: o.Cgroup}
	}
	return s
}

// Start implements [agent.Spawner]. It returns when the program runs.
func (s *Spawner) Start(p *agent.Program) (agent.Running, error) {
	if len(p.Args) == 0 {
		return nil, &startError{unix.EINVAL, "no program named"}
	}
	dir := path.Join("/", p.Dir)
	if err := s.root.directory(dir); err != nil {
		return nil, startErr(fmt.Sprintf("directory %q", dir), err)
	}
	program, err := s.root.program(p.Args[0], dir, p.Env)
	if err != nil {
		return nil, err
	}
	pr := &process{}
	far, err := pr.open(p)
	defer closeFar(far)
	if err == nil {
		err = s.fork(pr, p, program, dir, far)
	}
	if err != nil {
		pr.Release()
		return nil, err
	}
	return pr, nil
}

func (s *Spawner) fork(pr *process, p *agent.Program, program, dir string, far [3]*os.File) error {
	if s.enter != nil {
		leave, err := s.enter()
		if err != nil {
			return err
		}
		defer leave()
	}
	attr := &syscall.ProcAttr{
		Dir: dir,
		Env: p.Env,
		Sys: &syscall.SysProcAttr{Chroot: s.root.root, Setsid: true, Setctty: p.TTY}, // of descriptor 0
	}
	for _, f := range far {
		fd := f.Fd()
		if err := unix.SetNonblock(int(fd), false); err != nil {
			return err
		}
		attr.Files = append(attr.Files, fd)
	}
	if p.User != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: p.User.UID, Gid: p.User.GID, Groups: p.User.Groups}
	}
	pr.group = s.cgroups.open()
	if pr.group != nil {
		attr.Sys.UseCgroupFD = true
		attr.Sys.CgroupFD = int(pr.group.file.Fd())
	}
	child, err := s.reaper.Start(program, p.Args, attr, reap.Options{Ended: func(pid int) {
		if p.KillLeft {
			pr.killAll(pid)
		}
	}})
	if err != nil {
		return startErr("", err)
	}
	pr.child = child
	go func() {
		<-child.Done()
		for _, o := range [...]*output{pr.stdout, pr.stderr} {
			if o != nil {
				o.end()
			}
		}
	}()
	return nil
}

// closeFar closes the process's ends of its streams.
func closeFar(files [3]*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // the second time the same file is refused
		}
	}
}

// startError is an error number and what it was about.
type startError struct {
	errno unix.Errno
	what  string
}

func (e *startError) Error() string {
	if e.what == "" {
		return e.errno.Error()
	}
	return fmt.Sprintf("%s: %s", e.what, e.errno)
}

func (e *startError) Unwrap() error { return e.errno }

// startErr is a startError where err has a number in it.
func startErr(what string, err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return &startError{errno, what}
	}
	return fmt.Errorf("%s: %w", what, err)
}
