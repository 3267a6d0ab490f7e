package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/snapshot"
)

// save is what has been done of a save.
type save struct {
	precopied bool // memory was written, and the monitor goes on from there
	frozen    bool // the guest's programs are stopped, or may be
}

// PrepareSave writes memory while the guest runs, if it is to be live, and stops the
// guest's programs last: they stand still for less then.
func (m *machine) PrepareSave(ctx context.Context, s supervisor.Save) error {
	m.save = save{}
	if s.Live {
		m.save.precopied = true
		if err := m.precopy(ctx, s); err != nil {
			return kinded(err)
		}
	}
	return m.freeze(ctx)
}

// precopy has the monitor fill the folder's memory file.
func (m *machine) precopy(ctx context.Context, s supervisor.Save) (err error) {
	f, err := openForSave(s.Dir, snapshot.MemoryFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return m.onConnection(ctx, func(c *control.Client) error {
		_, err := c.Precopy(ctx, f, control.PrecopyOptions{Over: m.over(s)})
		return err
	})
}

// over is the snapshot that another is to lie over, as the monitor knows it.
func (m *machine) over(s supervisor.Save) *control.Over {
	if s.Over == nil {
		return nil
	}
	return &control.Over{Snapshot: word(s.Over), Origin: m.origin != nil && word(m.origin) == word(s.Over)}
}

// word is what a snapshot is called to the monitor.
func word(s *supervisor.SnapshotID) string {
	return s.Name + " of " + s.Created.UTC().Format(time.RFC3339Nano)
}

// Save writes a paused machine into a folder: by a connection of its own, since it
// takes long and others ask meanwhile.
func (m *machine) Save(ctx context.Context, s supervisor.Save) (*supervisor.Saved, error) {
	saved, err := m.saveMachine(ctx, s)
	if err != nil {
		return nil, kinded(err)
	}
	result := &supervisor.Saved{TSCKHz: saved.TSCKHz}
	for i := range m.description.Disks {
		disks, err := saveDisk(s.Dir, &m.description.Disks[i])
		if err != nil {
			return nil, err
		}
		result.Disks = append(result.Disks, disks...)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return result, nil
}

// saveMachine has the monitor fill the folder's files.
func (m *machine) saveMachine(ctx context.Context, s supervisor.Save) (saved control.Saved, err error) {
	var files control.SaveFiles
	wanted := []struct {
		name string
		file **os.File
		want bool
	}{
		{snapshot.StateFile, &files.State, true},
		{snapshot.MemoryFile, &files.Memory, !m.save.precopied},
		{snapshot.SumsFile, &files.Sums, !m.save.precopied},
		{snapshot.MapFile, &files.Map, s.Over != nil},
	}
	defer func() {
		for _, w := range wanted {
			if *w.file != nil {
				err = errors.Join(err, (*w.file).Close())
			}
		}
	}()
	for _, w := range wanted {
		if !w.want {
			continue
		}
		if *w.file, err = openForSave(s.Dir, w.name); err != nil {
			return saved, err
		}
	}
	o := control.SaveOptions{Live: m.save.precopied, Over: m.over(s)}
	if s.Track != nil {
		o.Track = word(s.Track)
	}
	err = m.onConnection(ctx, func(c *control.Client) (err error) {
		saved, err = c.Save(ctx, files, o)
		return err
	})
	return saved, err
}

func openForSave(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
}

// forgetTime is how long a monitor may take to forget what a save has begun.
const forgetTime = 10 * time.Second

// FinishSave lets the guest's programs go on first: the checksums of a live save are
// of a file that nobody changes any more.
func (m *machine) FinishSave(ctx context.Context, s supervisor.Save, well bool) error {
	var err error
	if !well || !s.Hold {
		err = m.thaw(ctx)
	}
	if !m.save.precopied {
		return err
	}
	if well && err == nil {
		return kinded(m.saveSums(ctx, s.Dir))
	}
	ctx, cancel := context.WithTimeout(ctx, forgetTime)
	defer cancel()
	return errors.Join(err, m.onConnection(ctx, func(c *control.Client) error { return c.ForgetSave(ctx) }))
}

func (m *machine) saveSums(ctx context.Context, dir string) (err error) {
	f, err := openForSave(dir, snapshot.SumsFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return m.onConnection(ctx, func(c *control.Client) error {
		_, err := c.SaveSums(ctx, f)
		return err
	})
}

// onConnection makes a request on a connection of its own.
func (m *machine) onConnection(ctx context.Context, request func(*control.Client) error) error {
	c, err := m.connect(ctx, m.socket)
	if err != nil {
		return err
	}
	return errors.Join(request(c), c.Close())
}
