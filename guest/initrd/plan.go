package initrd

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
)

// record is one entry of the archive as it will be written.
type record struct {
	path         string
	mode         uint64 // type and permissions, inode(7)
	major, minor uint64 // of a device node
	size         int64
	sum          *[sha256.Size]byte // of the content; nil where it is not known
	source       string             // where the content is on the host, or empty
	data         []byte             // the content where source is empty

	promised string // sum in hexadecimal, as the caller knows it, or empty
	own      bool   // not in the part that machines share
}

// plan is what goes into an initrd, as one archive or as two of which the kernel
// unpacks the second over the first. Each list is in the order of an archive:
// sorted by path, so that a directory stands before what is in it. Nothing is
// measured yet.
type plan struct {
	whole  []record
	shared []record // what machines with the same programs and modules share
	own    []record // what is more, and what stands in place of something shared
}

func (o *Options) plan() (*plan, error) {
	files, err := o.sharedFiles()
	if err != nil {
		return nil, err
	}
	job, err := o.job()
	if err != nil {
		return nil, err
	}
	shared := make(map[string]record)
	for _, f := range files {
		if err := addFile(shared, f, false); err != nil {
			return nil, err
		}
	}
	for _, d := range devices {
		shared[d.path] = record{
			path: d.path, mode: cpio.S_IFCHR | uint64(d.mode.Perm()), major: d.major, minor: d.minor,
		}
	}
	if err := addParents(shared); err != nil {
		return nil, err
	}

	whole := maps.Clone(shared)
	for _, f := range append([]File{job}, o.Files...) {
		if err := addFile(whole, f, true); err != nil {
			return nil, err
		}
	}
	if err := addParents(whole); err != nil {
		return nil, err
	}
	p := &plan{whole: sorted(whole), shared: sorted(shared)}
	for _, r := range p.whole {
		if r.own {
			p.own = append(p.own, r)
		}
	}
	return p, nil
}

// addFile adds f. What is a machine's own may stand in place of what is shared.
func addFile(records map[string]record, f File, own bool) error {
	if err := f.validate(); err != nil {
		return err
	}
	r := f.record()
	if old, ok := records[f.Path]; ok {
		sameKind := old.mode&cpio.S_IFMT == r.mode&cpio.S_IFMT
		replaces := own && sameKind && (f.Dir || strings.HasPrefix(f.Path, "/etc/") && !strings.HasPrefix(f.Path, "/etc/hull/"))
		if !replaces {
			return fmt.Errorf("initrd: file %q: in the archive already", f.Path)
		}
	}
	r.own = own
	records[f.Path] = r
	return nil
}

// addParents puts the directories above all records into records.
func addParents(records map[string]record) error {
	for _, p := range slices.Collect(maps.Keys(records)) {
		for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
			parent, ok := records[dir]
			if !ok {
				d := File{Path: dir, Dir: true}
				r := d.record()
				r.own = records[p].own
				records[dir] = r
			} else if parent.mode&cpio.S_IFMT != cpio.S_IFDIR {
				return fmt.Errorf("initrd: file %q: %q is no directory", p, dir)
			}
		}
	}
	return nil
}

// sorted sorts by component, so that /a/b comes before /a-b and no directory is
// torn apart.
func sorted(records map[string]record) []record {
	return slices.SortedFunc(maps.Values(records), func(a, b record) int {
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
}

func (f *File) record() record {
	r := record{path: f.Path, source: f.Source, data: f.Data, promised: f.sum}
	mode := uint64(f.Mode.Perm())
	for _, bit := range []struct {
		in  fs.FileMode
		out uint64
	}{{fs.ModeSetuid, cpio.S_ISUID}, {fs.ModeSetgid, cpio.S_ISGID}, {fs.ModeSticky, cpio.S_ISVTX}} {
		if f.Mode&bit.in != 0 {
			mode |= bit.out
		}
	}
	switch {
	case f.Dir:
		if mode == 0 {
			mode = 0o755
		}
		r.mode = cpio.S_IFDIR | mode
	case f.Link != "":
		r.mode = cpio.S_IFLNK | 0o777
		r.data = []byte(f.Link)
	default:
		if mode == 0 {
			mode = 0o644
		}
		r.mode = cpio.S_IFREG | mode
	}
	return r
}
