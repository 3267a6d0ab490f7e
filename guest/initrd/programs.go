package initrd

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
)

// The cache remembers the checksums of programs, to read megabytes once and not at
// each start of a machine. What must never be is a checksum of a file that has
// changed since:
//
//   - A checksum is found by all that says which file it is, and by the time of its
//     inode's last change. No call sets that one back, as utimensat(2) does the time
//     of its content's.
//   - Times are as coarse as a file system's clock. A file that changed just before
//     it was read may change again within the same tick, so that its checksum is not
//     remembered until the file has been at rest for a while.
//   - An image whose times are all one date (squashfs, erofs) may have another
//     program in the same inode, as large. The head of the file, which is read each
//     time, has what linkers write to tell programs apart: the build ID.
const (
	// rest is longer than the tick of any file system: FAT's is two seconds.
	rest = 10 * time.Second

	// head is how much of a program is read each time, in bytes.
	head = 64 << 10

	// sumSuffix ends the names of files that hold a program's checksum.
	sumSuffix = ".sum"
)

// programSum measures a program.
func (c Cache) programSum(name string) (measured, error) {
	f, err := openSource(name)
	if err != nil {
		return measured{}, err
	}
	m, err := c.knownSum(name, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return measured{}, fmt.Errorf("initrd: file %q: read: %w", name, err)
	}
	return m, nil
}

func (c Cache) knownSum(name string, f *os.File) (measured, error) {
	before, err := identify(f)
	if err != nil {
		return measured{}, err
	}
	key, err := before.key(name, f)
	if err != nil {
		return measured{}, err
	}
	memo := filepath.Join(c.Dir, key+sumSuffix)
	if sum := c.recall(memo); sum != nil {
		return measured{before.size, sum}, nil
	}
	begun := c.clock()
	m, err := sumOfFile(f)
	if err != nil {
		return measured{}, err
	}
	after, err := identify(f)
	if err != nil {
		return measured{}, err
	}
	if before == after && begun.Sub(before.changed()) > rest {
		// A checksum that could not be written is made again the next time.
		_ = durable.WriteFile(memo, 0o644, func(w io.Writer) error {
			_, err := io.WriteString(w, hex.EncodeToString(m.sum[:]))
			return err
		})
	}
	return m, nil
}

// recall is the checksum in a file of the cache, or nil.
func (c Cache) recall(memo string) *[sha256.Size]byte {
	f, err := os.OpenFile(memo, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, 2*sha256.Size+1))
	if err != nil {
		return nil
	}
	sum, err := hex.DecodeString(string(text))
	if err != nil || len(sum) != sha256.Size {
		return nil
	}
	if info, err := f.Stat(); err == nil {
		c.touch(memo, info)
	}
	return (*[sha256.Size]byte)(sum)
}

// identity is what a file system says of a file that changes when the file does.
type identity struct {
	device, inode    uint64
	size             int64
	written, touched unix.Timespec // its content's last change, and its inode's
}

func identify(f *os.File) (identity, error) {
	var s unix.Stat_t
	for {
		err := unix.Fstat(int(f.Fd()), &s)
		if err == nil {
			return identity{s.Dev, s.Ino, s.Size, s.Mtim, s.Ctim}, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return identity{}, err
		}
	}
}

func (i identity) changed() time.Time { return time.Unix(i.touched.Unix()) }

// key is the name of the checksum of a file that is this one.
func (i identity) key(name string, f *os.File) (string, error) {
	h := sha256.New()
	h.Write([]byte("hull program 1\x00"))
	var b []byte
	for _, v := range []int64{
		int64(i.device), int64(i.inode), i.size,
		i.written.Sec, i.written.Nsec, i.touched.Sec, i.touched.Nsec, int64(len(name)),
	} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	h.Write(append(b, name...))
	_, err := io.Copy(h, io.NewSectionReader(f, 0, head))
	return hex.EncodeToString(h.Sum(nil)), err
}
