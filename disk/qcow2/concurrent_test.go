package qcow2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/disk/disktest"
	"github.com/hullvm/hull/disk/vectors"
)

// Writers whose sectors lie side by side in the same clusters, while others
// discard clusters, flush, and make the disk larger.
func TestManyRequestsAtOnce(t *testing.T) {
	for _, c := range []struct {
		clusterSize int64
		backing     bool
	}{{512, false}, {4096, false}, {4096, true}, {65536, true}} {
		t.Run(fmt.Sprint(c.clusterSize, " backing ", c.backing), func(t *testing.T) {
			const writers, blocks, rounds = 8, 600, 200
			r := random(t)
			base := make([]byte, blocks*sector)
			o := CreateOptions{Size: 4 * blocks * sector, ClusterSize: c.clusterSize}
			var under Backing
			if c.backing {
				o.BackingFile, o.BackingFormat = "base", "raw"
				for i := range base {
					base[i] = byte(r.Uint32())
				}
				under = &memBacking{newMemFile(bytes.Clone(base))}
			}
			f := emptyImage(t, o, 4)
			im, err := Open(f, Options{Backing: under, CacheBytes: 8 * c.clusterSize, CommitInterval: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, o.Size)
			copy(want, base)
			errs := make(chan error, writers+2)
			var wg, others sync.WaitGroup
			stop := make(chan struct{})
			for w := range writers {
				r := rand.New(rand.NewPCG(r.Uint64(), 0))
				wg.Go(func() { errs <- writeOwn(im, r, want, w, writers, blocks, rounds) })
			}
			// Beyond the writers' sectors.
			others.Go(func() { errs <- churn(im, rand.New(rand.NewPCG(r.Uint64(), 0)), blocks*sector, o.Size, stop) })
			others.Go(func() {
				for {
					select {
					case <-stop:
						errs <- nil
						return
					default:
						if err := im.Flush(); err != nil {
							errs <- err
							return
						}
					}
				}
			})
			wg.Wait()
			close(stop)
			others.Wait()
			for range writers + 2 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			got := make([]byte, blocks*sector)
			if err := im.Readv(vectors.Of(nil, got), 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want[:len(got)]) {
				t.Error("a write was lost")
			}
			if n := im.limbo.inflight[0].Load() + im.limbo.inflight[1].Load(); n != 0 {
				t.Errorf("%d requests never counted themselves out", n)
			}
			if err := im.Close(); err != nil {
				t.Fatal(err)
			}
			if leaks, err := noErrors(f); err != nil || leaks > 0 {
				t.Errorf("after Close: %d leaks, %v", leaks, err)
			}
		})
	}
}

// writeOwn writes and reads the sectors that are one writer's.
func writeOwn(im *Image, r *rand.Rand, want []byte, w, writers, blocks, rounds int) error {
	for i := range rounds {
		off := (r.IntN(blocks/writers)*writers + w) * sector
		p := make([]byte, sector)
		if err := im.Readv(vectors.Of(nil, p), int64(off)); err != nil {
			return err
		}
		if !bytes.Equal(p, want[off:off+sector]) {
			return fmt.Errorf("writer %d, round %d: the sector at %d is not what was written", w, i, off)
		}
		var err error
		if r.IntN(5) == 0 {
			clear(want[off : off+sector])
			err = im.WriteZeroes(int64(off), sector, true)
		} else {
			fillSector(want[off:off+sector], r.Uint64())
			err = im.Writev(vectors.Of(nil, want[off:off+sector]), int64(off))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// churn writes, discards and zeroes its part of the disk, and makes it larger.
func churn(im *Image, r *rand.Rand, from, to int64, stop chan struct{}) error {
	from = (from + im.clusterSize - 1) &^ (im.clusterSize - 1)
	p := make([]byte, 64<<10)
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		off := from + r.Int64N(to-from)&^(sector-1)
		n := min((1+r.Int64N(128))*sector, to-off)
		var err error
		switch r.IntN(5) {
		case 0:
			err = im.Discard(off, n)
		case 1:
			err = im.WriteZeroes(off, n, r.IntN(2) == 0)
		case 2:
			if im.Size() < 2*to {
				err = im.Resize(im.Size() + 4096)
			}
		default:
			err = im.Writev(vectors.Of(nil, p[:n]), off)
		}
		if err != nil {
			return err
		}
	}
}

// A write that a discard overtakes ends up in a cluster that is nobody else's.
func TestDiscardUnderAWrite(t *testing.T) {
	f := emptyImage(t, CreateOptions{Size: 1 << 20, ClusterSize: 4096}, 4)
	im, err := Open(f, Options{CommitInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	old, fresh := bytes.Repeat([]byte{1}, 4096), bytes.Repeat([]byte{2}, 4096)
	if err := im.Writev(vectors.Of(nil, old), 0); err != nil {
		t.Fatal(err)
	}
	// The write stops where it has found its cluster.
	arrived, proceed := make(chan struct{}), make(chan struct{})
	f.before = func(bool) error {
		f.before = nil
		close(arrived)
		<-proceed
		return nil
	}
	done := make(chan error)
	go func() { done <- im.Writev(vectors.Of(nil, old), 0) }()
	<-arrived
	if err := im.Discard(0, 4096); err != nil {
		t.Fatal(err)
	}
	for i := range int64(20) {
		if err := im.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := im.Writev(vectors.Of(nil, fresh), 4096*(1+i)); err != nil {
			t.Fatal(err)
		}
	}
	close(proceed)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4096)
	for i := range int64(20) {
		if err := im.Readv(vectors.Of(nil, p), 4096*(1+i)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p, fresh) {
			t.Errorf("cluster %d holds what was written to cluster 0", 1+i)
		}
	}
	if err := im.Close(); err != nil {
		t.Fatal(err)
	}
	if leaks, err := noErrors(f); err != nil || leaks > 0 {
		t.Errorf("after Close: %d leaks, %v", leaks, err)
	}
}

// While an L2 table is being read, whoever needs another one goes on.
func TestReadingATableHoldsNobodyUp(t *testing.T) {
	f := emptyImage(t, CreateOptions{Size: 1 << 24, ClusterSize: 4096}, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	const other = 512 * 4096 // an L2 table covers 2 MiB
	write1(t, im, 0, 1, 4096)
	write1(t, im, other, 2, 4096)
	closeMem(t, im)

	im = openMem(t, f, Options{CommitInterval: -1})
	want1(t, im, 0, 1, 4096)
	arrived, proceed := make(chan struct{}), make(chan struct{})
	f.beforeRead = func() {
		f.beforeRead = nil
		close(arrived)
		<-proceed
	}
	done := make(chan error)
	p := make([]byte, 4096)
	go func() { done <- im.Readv(vectors.Of(nil, p), other) }()
	<-arrived
	want1(t, im, 0, 1, 4096)
	write1(t, im, 4096, 3, 4096)
	close(proceed)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if p[0] != 2 {
		t.Errorf("read %d", p[0])
	}
	closeMem(t, im)
}

// A table that somebody changes and the cache forgets, while another reads it,
// is read again.
func TestATableThatChangesWhileItIsRead(t *testing.T) {
	f := emptyImage(t, CreateOptions{Size: 1 << 24, ClusterSize: 4096}, 4)
	im := openMem(t, f, Options{CommitInterval: -1})
	for off := int64(0); off < 1<<24; off += 2 << 20 {
		write1(t, im, off, 1, 4096)
	}
	closeMem(t, im)

	im = openMem(t, f, Options{CommitInterval: -1, CacheBytes: 1}) // two tables
	arrived, proceed := make(chan struct{}), make(chan struct{})
	f.afterRead = func() {
		f.afterRead = nil
		close(arrived)
		<-proceed
	}
	done := make(chan error)
	p := make([]byte, 4096)
	go func() { done <- im.Readv(vectors.Of(nil, p), 4096) }()
	<-arrived
	write1(t, im, 4096, 5, 4096)
	if err := im.Flush(); err != nil {
		t.Fatal(err)
	}
	for off := int64(2 << 20); off < 1<<24; off += 2 << 20 {
		want1(t, im, off, 1, 4096)
	}
	close(proceed)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if p[0] != 5 {
		t.Errorf("read %d, written was 5", p[0])
	}
	want1(t, im, 4096, 5, 4096)
	closeMem(t, im)
}

// On a device nothing is known of the clusters that are not in use.
func TestImageOnADevice(t *testing.T) {
	r := random(t)
	const size = 64 * 4096
	f := emptyImage(t, CreateOptions{Size: size, ClusterSize: 4096}, 4)
	garbage := make([]byte, 100*4096+512)
	for i := range garbage {
		garbage[i] = byte(r.Uint32())
	}
	f = newMemFile(append(f.bytes, garbage...))
	f.block = true
	length := len(f.bytes)
	m := &disktest.Model{Bytes: make([]byte, size), Rand: r, Most: 3 * 4096}
	for range 5 {
		im := openMem(t, f, Options{CommitInterval: -1})
		for i := range 200 {
			if err := m.Step(im); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		if err := m.Compare(im); err != nil {
			t.Error(err)
		}
		closeMem(t, im)
		if leaks, err := noErrors(f); leaks > 0 || err != nil {
			t.Fatalf("%d leaks, %v", leaks, err)
		}
	}
	if len(f.bytes) != length {
		t.Errorf("the device has %d bytes, had %d", len(f.bytes), length)
	}
}
