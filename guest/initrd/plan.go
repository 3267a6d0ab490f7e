package initrd

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
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
	sum          [sha256.Size]byte // of the content
	source       string            // where the content is on the host, or empty
	data         []byte            // the content where source is empty
}

// plan lists the records in the order of the archive: sorted by path, so that a
// directory stands before what is in it.
func (o *Options) plan() ([]record, error) {
	own, err := o.files()
	if err != nil {
		return nil, err
	}
	records := make(map[string]record)
	for _, f := range own {
		if err := addFile(records, f, false); err != nil {
			return nil, err
		}
	}
	for _, d := range devices {
		records[d.path] = record{
			path: d.path, mode: cpio.S_IFCHR | uint64(d.mode.Perm()),
			major: d.major, minor: d.minor, sum: sha256.Sum256(nil),
		}
	}
	for _, f := range o.Files {
		if err := addFile(records, f, true); err != nil {
			return nil, err
		}
	}
	for _, p := range slices.Collect(maps.Keys(records)) {
		if err := addParents(records, p); err != nil {
			return nil, err
		}
	}

	out := slices.SortedFunc(maps.Values(records), func(a, b record) int {
		// By component, so that /a/b comes before /a-b and no directory is torn
		// apart.
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
	var total int64
	for i := range out {
		if err := out[i].measure(); err != nil {
			return nil, err
		}
		if total += out[i].size; total > maxTotal {
			return nil, fmt.Errorf("initrd: more than %d bytes", int64(maxTotal))
		}
	}
	return out, nil
}

func addFile(records map[string]record, f File, extra bool) error {
	if err := f.validate(); err != nil {
		return err
	}
	r := f.record()
	if old, ok := records[f.Path]; ok {
		sameKind := old.mode&cpio.S_IFMT == r.mode&cpio.S_IFMT
		replaces := extra && sameKind && (f.Dir || strings.HasPrefix(f.Path, "/etc/") && !strings.HasPrefix(f.Path, "/etc/hull/"))
		if !replaces {
			return fmt.Errorf("initrd: file %q: in the archive already", f.Path)
		}
	}
	records[f.Path] = r
	return nil
}

// addParents puts the directories above p into records.
func addParents(records map[string]record, p string) error {
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		parent, ok := records[dir]
		if !ok {
			d := File{Path: dir, Dir: true}
			records[dir] = d.record()
		} else if parent.mode&cpio.S_IFMT != cpio.S_IFDIR {
			return fmt.Errorf("initrd: file %q: %q is no directory", p, dir)
		}
	}
	return nil
}

func (f *File) record() record {
	r := record{path: f.Path, source: f.Source, data: f.Data}
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

// measure fills in the size and the checksum of the content.
func (r *record) measure() error {
	if r.source == "" {
		r.size = int64(len(r.data))
		r.sum = sha256.Sum256(r.data)
		return nil
	}
	f, err := openSource(r.source)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxFile+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("initrd: file %q: read: %w", r.source, err)
	}
	if n > maxFile {
		return fmt.Errorf("initrd: file %q: more than %d bytes", r.source, int64(maxFile))
	}
	r.size = n
	h.Sum(r.sum[:0])
	return nil
}

// openSource opens a regular file; anything else could block or never end.
func openSource(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("initrd: file %q: open: %w", name, reason(err))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("initrd: file %q: open: %w", name, reason(err))
	}
	return f, nil
}

// reason takes off the path that package os repeats.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// digest is the name of what the records and the compression give: the hash of
// every field that reaches the archive.
func digest(records []record, c Compression) string {
	h := sha256.New()
	var b []byte
	b = append(b, "hull initrd 1\x00"...)
	b = append(b, byte(c))
	for i := range records {
		r := &records[i]
		b = binary.BigEndian.AppendUint32(b, uint32(len(r.path)))
		b = append(b, r.path...)
		for _, v := range []uint64{r.mode, r.major, r.minor, uint64(r.size)} {
			b = binary.BigEndian.AppendUint64(b, v)
		}
		b = append(b, r.sum[:]...)
	}
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}
