package disk_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/disk/vectors"
)

const benchSize = 256 << 20

// plain is the measure: system calls on a file, with nothing around them.
type plain struct{ fd int }

func (p plain) Readv(iov []unix.Iovec, off int64) error {
	_, err := unix.Pread(p.fd, plainBuffer(iov), off)
	return err
}

func (p plain) Writev(iov []unix.Iovec, off int64) error {
	_, err := unix.Pwrite(p.fd, plainBuffer(iov), off)
	return err
}

type readerWriter interface {
	Readv(iov []unix.Iovec, off int64) error
	Writev(iov []unix.Iovec, off int64) error
}

// targets are what is compared, each with all of its content there.
func targets(b *testing.B) map[string]readerWriter {
	b.Helper()
	dir := b.TempDir()
	out := make(map[string]readerWriter)
	for _, format := range []string{"plain", disk.Raw, disk.QCOW2} {
		path := filepath.Join(dir, format)
		o := disk.CreateOptions{Format: format, Size: benchSize}
		if format == "plain" {
			o.Format = disk.Raw
		}
		create(b, path, o)
		if format == "plain" {
			fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = unix.Close(fd) })
			out[format] = plain{fd}
		} else {
			image := open(b, path, disk.Options{Format: format})
			b.Cleanup(func() { closeImage(b, image) })
			out[format] = image
		}
		p := make([]byte, 1<<20)
		for i := range p {
			p[i] = byte(i)
		}
		for off := int64(0); off < benchSize; off += int64(len(p)) {
			if err := out[format].Writev(vectors.Of(nil, p), off); err != nil {
				b.Fatal(err)
			}
		}
	}
	return out
}

// Writes and reads of what is there, through the host's page cache, so that what
// is measured is the way there.
func BenchmarkInPlace(b *testing.B) {
	all := targets(b)
	for _, c := range []struct {
		name   string
		size   int64
		random bool
	}{{"4k-random", 4096, true}, {"128k-sequential", 128 << 10, false}} {
		for _, write := range []bool{false, true} {
			for _, target := range []string{"plain", disk.Raw, disk.QCOW2} {
				what := map[bool]string{false: "read", true: "write"}[write]
				b.Run(fmt.Sprintf("%s-%s/%s", c.name, what, target), func(b *testing.B) {
					d := all[target]
					b.SetBytes(c.size)
					var next atomic.Int64
					b.RunParallel(func(pb *testing.PB) {
						p := make([]byte, c.size)
						iov := vectors.Of(nil, p)
						r := rand.New(rand.NewPCG(1, uint64(next.Add(1))))
						for pb.Next() {
							off := next.Add(1) * c.size % benchSize
							if c.random {
								off = r.Int64N(benchSize/c.size) * c.size
							}
							var err error
							if write {
								err = d.Writev(iov, off)
							} else {
								err = d.Readv(iov, off)
							}
							if err != nil {
								b.Fatal(err)
							}
						}
					})
				})
			}
		}
	}
}

// The first write to each cluster of a new disk, with a flush now and then.
func BenchmarkNewClusters(b *testing.B) {
	for _, size := range []int64{4096, 128 << 10} {
		for _, format := range []string{disk.Raw, disk.QCOW2} {
			b.Run(fmt.Sprintf("%dk/%s", size>>10, format), func(b *testing.B) {
				path := filepath.Join(b.TempDir(), "disk")
				const spread = 128 << 10
				create(b, path, disk.CreateOptions{Format: format, Size: int64(b.N+1) * spread})
				image := open(b, path, disk.Options{Format: format})
				defer closeImage(b, image)
				iov := vectors.Of(nil, make([]byte, size))
				b.SetBytes(size)
				b.ResetTimer()
				for i := range b.N {
					if err := image.Writev(iov, int64(i)*spread); err != nil {
						b.Fatal(err)
					}
					if i%1000 == 999 {
						if err := image.Flush(); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
