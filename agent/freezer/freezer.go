package freezer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// How often the kernel is asked whether all stand still.
const (
	firstPause = 200 * time.Microsecond
	mostPause  = 10 * time.Millisecond
)

var errRetired = errors.New("the machine is about to end")

// Freezer freezes everything below one directory of cgroup2. Its methods may be
// used from any goroutine.
type Freezer struct {
	dir  string
	gate gate

	life context.Context // until Retire
	die  context.CancelFunc

	turn   chan struct{} // who has its one token may change what follows
	frozen []string      // the groups that we froze; those that were frozen before are not ours to thaw
	whole  bool          // they are frozen, and with them all processes
}

// New returns a Freezer for the processes in and below dir, in a guest the root
// of cgroup2. Nothing is asked of the kernel before the first Freeze.
func New(dir string) *Freezer {
	f := &Freezer{dir: dir, turn: make(chan struct{}, 1)}
	f.life, f.die = context.WithCancel(context.Background())
	f.gate.init()
	f.turn <- struct{}{}
	return f
}

// Freeze stops all processes but this one, and returns when they stand still.
// When it cannot, or ctx ends first, they go on. To freeze what is frozen does
// nothing.
func (f *Freezer) Freeze(ctx context.Context) error {
	if err := f.begin(ctx); err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	defer f.end()
	if f.life.Err() != nil {
		return fmt.Errorf("freeze: %w", errRetired)
	}
	if f.whole {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.life, func() { cancel(errRetired) })()
	err := f.supported()
	if err == nil {
		err = f.gate.shut(ctx)
	}
	if err == nil {
		err = f.freeze(ctx)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("freeze: %w", err), f.thaw())
	}
	f.whole = true
	return nil
}

// Thaw lets the processes that Freeze stopped go on. To thaw what is not frozen
// does nothing.
func (f *Freezer) Thaw(ctx context.Context) error {
	if err := f.begin(ctx); err != nil {
		return fmt.Errorf("thaw: %w", err)
	}
	defer f.end()
	return f.thaw()
}

// Retire thaws for good: later calls of Freeze are refused. For a machine that
// ends, whose processes are to end in order.
func (f *Freezer) Retire() error {
	f.die()
	<-f.turn // whoever has it is told
	defer f.end()
	return f.thaw()
}

func (f *Freezer) begin(ctx context.Context) error {
	select {
	case <-f.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("another one is under way: %w", context.Cause(ctx))
	}
}

func (f *Freezer) end() { f.turn <- struct{}{} }

// supported says what a kernel lacks that cannot freeze.
func (f *Freezer) supported() error {
	var s unix.Statfs_t
	if err := unix.Statfs(f.dir, &s); err != nil || s.Type != unix.CGROUP2_SUPER_MAGIC {
		return fmt.Errorf("no cgroup2 is mounted on %q: the kernel needs CONFIG_CGROUPS: %w", f.dir, unix.EOPNOTSUPP)
	}
	return nil
}

// freeze freezes group after group, until a look around finds nothing that
// still runs. What runs meanwhile may make more of both.
func (f *Freezer) freeze(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("processes make new groups all the time: %w", context.Cause(ctx))
		}
		if err := f.comeOut(); err != nil {
			return err
		}
		strays, err := f.gather()
		if err != nil {
			return err
		}
		groups, err := f.running()
		if err != nil {
			return err
		}
		if strays == 0 && len(groups) == 0 {
			return nil
		}
		for _, g := range groups {
			if err := f.tell(g); err != nil {
				return err
			}
		}
		for _, g := range groups {
			if err := awaitFrozen(ctx, g); err != nil {
				return fmt.Errorf("group %q: %w", g, err)
			}
		}
	}
}

// tell tells one group to freeze, unless somebody has.
func (f *Freezer) tell(group string) error {
	already, err := os.ReadFile(filepath.Join(group, "cgroup.freeze"))
	if err == nil {
		if string(already) == "1\n" {
			return nil
		}
		err = write(group, "cgroup.freeze", "1")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && exists(group):
		return fmt.Errorf("no cgroup.freeze in %q: the kernel needs to be Linux 5.2 or later: %w", group, unix.EOPNOTSUPP)
	case isGone(err):
		return nil
	case err != nil:
		return fmt.Errorf("group %q: %w", group, err)
	}
	f.frozen = append(f.frozen, group)
	return nil
}

// running are the groups directly below dir that do not stand still.
func (f *Freezer) running() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var groups []string
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		g := filepath.Join(f.dir, e.Name())
		frozen, err := isFrozen(g)
		if isGone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", g, err)
		}
		if !frozen {
			groups = append(groups, g)
		}
	}
	return groups, nil
}

func (f *Freezer) thaw() error {
	var errs []error
	var left []string
	for _, g := range f.frozen {
		if err := write(g, "cgroup.freeze", "0"); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("thaw: group %q: %w", g, err))
			left = append(left, g)
		}
	}
	f.frozen, f.whole = left, false
	if len(left) == 0 {
		f.gate.open()
	}
	return errors.Join(errs...)
}

// awaitFrozen waits until a group stands still, or is gone.
func awaitFrozen(ctx context.Context, group string) error {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		frozen, err := isFrozen(group)
		if frozen || isGone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a process in it does not stop, as one that waits for a disk: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

func isFrozen(group string) (bool, error) {
	b, err := os.ReadFile(filepath.Join(group, "cgroup.events"))
	if err != nil {
		return false, err
	}
	return parseFrozen(string(b)), nil
}

func write(group, file, text string) error {
	f, err := os.OpenFile(filepath.Join(group, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// isGone says that a group was removed, before its file was opened or after.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func self() string { return strconv.Itoa(os.Getpid()) }
