package manager

import (
	"cmp"
	"context"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/hullvm/hull/manager/instance"
)

// List returns the instances that the options choose, the newest first.
func (m *Manager) List(ctx context.Context, o ListOptions) ([]Summary, error) {
	chosen, err := m.filter(o)
	if err != nil {
		return nil, err
	}
	ids, err := m.store.IDs()
	if err != nil {
		return nil, err
	}
	all, err := m.summaries(ctx, ids)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Summary) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	list := slices.DeleteFunc(all, func(s Summary) bool { return !chosen.match(&s) })
	if o.Last > 0 && len(list) > o.Last {
		list = list[:o.Last]
	}
	if o.Size {
		for i := range list {
			list[i].Size = treeSize(m.store.Dir(list[i].ID))
		}
	}
	return list, nil
}

// summaries reads instances, several at a time. One that was removed meanwhile is
// left out.
func (m *Manager) summaries(ctx context.Context, ids []string) ([]Summary, error) {
	all := make([]Summary, len(ids))
	next := make(chan int)
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0)*2, max(len(ids), 1)) {
		readers.Go(func() {
			for i := range next {
				all[i] = m.summary(ids[i])
			}
		})
	}
	var err error
	for i := range ids {
		if err = context.Cause(ctx); err != nil {
			break
		}
		next <- i
	}
	close(next)
	readers.Wait()
	return slices.DeleteFunc(all, func(s Summary) bool { return s.ID == "" }), err
}

// summary is an instance in a list; one that is gone has no id.
func (m *Manager) summary(id string) Summary {
	d, err := m.store.Description(id)
	if err != nil {
		if !m.store.Exists(id) {
			return Summary{}
		}
		return Summary{Description: instance.Description{ID: id, Restart: "no"}, Problem: err.Error()}
	}
	written, err := m.store.State(id)
	if err == nil {
		var st *instance.State
		if st, err = m.store.Current(id); err == nil {
			if st.Status != written.Status && st.Exit != nil && st.Exit.Reason == instance.Lost {
				m.settleSoon(id)
				if settled, e := m.store.Current(id); e == nil {
					st = settled
				}
			}
			return Summary{Description: *d, State: *st}
		}
	}
	if !m.store.Exists(id) {
		return Summary{}
	}
	return Summary{Description: *d, Problem: err.Error()}
}

// treeSize is the disk space of a folder, in bytes, as far as it can be read.
func treeSize(dir string) int64 {
	var size int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}
