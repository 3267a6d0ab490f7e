package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNoHost says that there is no host of that name.
var ErrNoHost = errors.New("there is no such host")

// Lab is the hosts of one user on this machine.
type Lab struct {
	dirs Dirs

	// keeper is a command that calls [Keep] with the two arguments that are
	// appended to it: the host's directory and the cache.
	keeper []string
}

// Open returns the lab that lives in these directories. keeper is the beginning
// of a command that calls [Keep] with the two arguments that follow: the host's
// directory and that of the cache.
func Open(dirs Dirs, keeper ...string) (*Lab, error) {
	if err := makePrivate(dirs.State); err != nil {
		return nil, err
	}
	return &Lab{dirs: dirs, keeper: keeper}, nil
}

// State is what a host does.
type State string

const (
	Starting State = "starting" // its agent has not answered yet
	Running  State = "running"
	Dead     State = "dead" // it ended without being told to; the directory tells why
)

// Status is what is known of a host from outside.
type Status struct {
	Name      string        `json:"name"`
	State     State         `json:"state"`
	PID       int           `json:"pid"` // the emulator's, 0 where there is none
	CPUs      int           `json:"cpus"`
	Memory    int           `json:"memory_mib"`
	Threads   Threads       `json:"threads"`
	Release   string        `json:"kernel,omitempty"`
	Started   time.Time     `json:"started"`
	Boot      time.Duration `json:"boot_ns"` // from the start to the agent's answer
	Mended    bool          `json:"mended"`
	Emulator  string        `json:"emulator"` // which build, and why not mended
	Throwaway bool          `json:"throwaway"`
	Network   string        `json:"network,omitempty"`
	Address   string        `json:"address,omitempty"` // on Network
	Dir       string        `json:"dir"`

	// Died and Why are when and how a dead host ended, as far as is known.
	Died time.Time `json:"died,omitzero"`
	Why  string    `json:"why,omitempty"`

	// Replaced is the directory with what a dead host of that name left, where
	// [Lab.Up] started this one in its place.
	Replaced string `json:"replaced,omitempty"`
}

// Up starts the host that spec describes, or returns the one of that name that
// runs already, whatever it is made of; fresh says which it was. What a dead
// host of that name left is kept ([Lab.Remains]). ctx ends the start, not the
// host.
func (l *Lab) Up(ctx context.Context, spec Spec) (_ *Status, fresh bool, err error) {
	r := l.UpAll(ctx, []Spec{spec})[0]
	return r.Status, r.Fresh, r.Err
}

// UpResult is what Up returns.
type UpResult struct {
	Status *Status
	Fresh  bool
	Err    error
}

// UpAll is Up for several hosts at once, in this order.
func (l *Lab) UpAll(ctx context.Context, specs []Spec) []UpResult {
	results := make([]UpResult, len(specs))
	unlock, err := l.lockAll(ctx)
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	defer unlock()
	members := l.numbers()
	var all sync.WaitGroup
	for i, spec := range specs {
		r := &results[i]
		spec = spec.withDefaults()
		if r.Err = members.number(&spec); r.Err != nil {
			continue
		}
		all.Go(func() { r.Status, r.Fresh, r.Err = l.up(ctx, spec) })
	}
	all.Wait()
	return results
}

// up is Up for one host, under the lock.
func (l *Lab) up(ctx context.Context, spec Spec) (_ *Status, fresh bool, err error) {
	if err := spec.Validate(); err != nil {
		return nil, false, err
	}
	var remains string
	status, err := l.Status(spec.Name)
	switch {
	case err == nil && status.State == Running && spec.Network != "" && spec.Network != status.Network:
		return nil, false, fmt.Errorf("lab host %q: it runs already, with network %q and not %q: end it (hull lab down)", spec.Name, status.Network, spec.Network)
	case err == nil && status.State == Running:
		return status, false, nil
	case err == nil && status.State == Starting:
		return nil, false, fmt.Errorf("lab host %q: start: it is starting already", spec.Name)
	case err == nil:
		if err := l.end(ctx, spec.Name); err != nil {
			return nil, false, err
		}
		if remains, err = l.bury(spec.Name); err != nil {
			return nil, false, err
		}
	case !errors.Is(err, ErrNoHost):
		return nil, false, err
	}
	if status, err = l.start(ctx, spec); err != nil {
		return nil, true, err
	}
	status.Replaced = remains
	return status, true, nil
}

// throwawayPrefix begins the names of hosts that live for one command.
const throwawayPrefix = "run-"

// Throwaway starts a host with a name of its own. The caller ends it ([Lab.Down]).
func (l *Lab) Throwaway(ctx context.Context, spec Spec) (*Status, error) {
	spec = spec.withDefaults()
	spec.Name = fmt.Sprintf("%s%d-%x", throwawayPrefix, os.Getpid(), uint32(time.Now().UnixNano()))
	spec.Throwaway = true
	if spec.Network != "" { // its number is taken as soon as it has a directory
		unlock, err := l.lockAll(ctx)
		if err != nil {
			return nil, err
		}
		defer unlock()
		if err := l.numbers().number(&spec); err != nil {
			return nil, err
		}
	}
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	return l.start(ctx, spec)
}

// lockAll keeps others from starting and removing named hosts, once they have
// finished what they do.
func (l *Lab) lockAll(ctx context.Context) (unlock func(), err error) {
	for {
		f, err := lock(filepath.Join(l.dirs.State, ".lock"))
		if err == nil {
			return func() { _ = f.Close() }, nil // the lock goes with the descriptor
		}
		if !errors.Is(err, errLocked) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// start makes the directory and the keeper of a host, and waits until it is up.
func (l *Lab) start(ctx context.Context, spec Spec) (_ *Status, err error) {
	dir := filepath.Join(l.dirs.State, spec.Name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lab host %q: directory %q: create: %w", spec.Name, dir, reason(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	held, err := lock(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	defer held.Close()
	if err := writeJSON(dir, specFile, spec); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, keeperLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lab host %q: log: %w", spec.Name, err)
	}
	defer log.Close()
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("lab host %q: pipe: %w", spec.Name, err)
	}
	defer told.Close()

	args := append(slices.Clone(l.keeper[1:]), dir, l.dirs.Cache)
	cmd := exec.Command(l.keeper[0], args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{tell, held} // readyFD, lockFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	tell.Close()
	if err != nil {
		return nil, fmt.Errorf("lab host %q: keeper: start: %w", spec.Name, reason(err))
	}
	go func() { _ = cmd.Wait() }() // for a caller that lives longer than the host
	keeper, err := identify(cmd.Process.Pid)
	if err == nil {
		err = awaitStart(ctx, told, spec.Name)
	}
	if err != nil {
		err = withLog(err, dir)
		return nil, errors.Join(err, keeper.end(3*time.Second))
	}
	return l.Status(spec.Name)
}

// awaitStart waits for what the keeper tells, or for ctx.
func awaitStart(ctx context.Context, told *os.File, name string) error {
	answer := make(chan error, 1)
	go func() {
		var s started
		err := json.NewDecoder(io.LimitReader(told, maxRecord)).Decode(&s)
		switch {
		case err != nil:
			err = fmt.Errorf("lab host %q: start: its keeper ended without a word: %w", name, errKeeperSilent)
		case s.Error != "":
			err = errors.New(s.Error)
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("lab host %q: start: %w", name, context.Cause(ctx))
	}
}

var errKeeperSilent = errors.New("see its log")

// withLog adds the keeper's log where the error needs it; the directory is
// about to go.
func withLog(err error, dir string) error {
	if !errors.Is(err, errKeeperSilent) {
		return err
	}
	return fmt.Errorf("%w%s", err, tail(filepath.Join(dir, keeperLog)))
}

// Status tells of one host. It is ErrNoHost where there is none.
func (l *Lab) Status(name string) (*Status, error) {
	dir, err := l.dir(name)
	if err != nil {
		return nil, err
	}
	s := &Status{Name: name, State: Dead, Dir: dir}
	held, err := lock(filepath.Join(dir, lockFile))
	switch {
	case errors.Is(err, errLocked):
		s.State = Starting
	case err == nil:
		held.Close()
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("lab host %q: %w", name, ErrNoHost) // it has just ended
	default:
		return nil, err
	}
	s.describe(dir)
	return s, nil
}

// describe adds what a host's files say. They may be missing, or no good.
func (s *Status) describe(dir string) {
	if spec, err := readAnySpec(dir); err == nil {
		s.CPUs, s.Memory, s.Threads = spec.CPUs, spec.Memory, spec.Threads
		s.Release, s.Throwaway = spec.Release, spec.Throwaway
		if s.Network = spec.Network; s.Network != "" {
			s.Address = addressOf(spec.Number).String()
		}
	}
	r, err := readRecord(dir)
	if err == nil {
		s.Started = r.Started
		s.Boot = time.Duration(r.BootTime * float64(time.Second))
		s.Mended, s.Emulator = r.Emulator.Mended, r.Emulator.Remark
	}
	switch {
	case err == nil && r.End != nil:
		s.State = Dead // its keeper may be about to end
		s.Died, s.Why = r.End.Time, r.End.Why
	case s.State == Dead:
		s.Why = "its keeper ended without saying why"
		if line := lastLine(filepath.Join(dir, keeperLog)); line != "" {
			s.Why += "; the last in its log: " + line
		}
		if info, err := os.Stat(dir); err == nil {
			s.Died = info.ModTime() // at the earliest
		}
	case err == nil:
		s.PID = r.QEMU.PID
		if r.Ready {
			s.State = Running
		}
	}
}

// dir returns the directory of a host that exists.
func (l *Lab) dir(name string) (string, error) {
	if !validName(name) {
		return "", fmt.Errorf("lab host %q: not the name of a host", name)
	}
	dir := filepath.Join(l.dirs.State, name)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("lab host %q: %w", name, ErrNoHost)
	}
	if err := checkPrivate(dir); err != nil {
		return "", err
	}
	return dir, nil
}

// Hosts tells of all hosts, by name.
func (l *Lab) Hosts() ([]Status, error) {
	entries, err := os.ReadDir(l.dirs.State)
	if err != nil {
		return nil, fmt.Errorf("lab: directory %q: list: %w", l.dirs.State, reason(err))
	}
	var all []Status
	for _, e := range entries {
		if !e.IsDir() || !validName(e.Name()) {
			continue
		}
		s, err := l.Status(e.Name())
		if errors.Is(err, ErrNoHost) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
