package disk_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/disk/disktest"
)

// seed is the seed of this run's random tests, printed where they fail.
func seed(t testing.TB) uint64 {
	s := uint64(time.Now().UnixNano())
	if v := os.Getenv("HULL_TEST_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		s = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("HULL_TEST_SEED=%d", s)
		}
	})
	return s
}

func random(t testing.TB) *rand.Rand { return rand.New(rand.NewPCG(seed(t), 0)) }

func open(t testing.TB, path string, o disk.Options) disk.Image {
	t.Helper()
	o.Lock = true
	o.BackingAllowed = []string{filepath.Dir(path)}
	image, err := disk.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func closeImage(t testing.TB, image disk.Image) {
	t.Helper()
	if err := image.Close(); err != nil {
		t.Error(err)
	}
}

// exercise does random things to the image at path, whose content the model has,
// and holds it to the model, by itself and by qemu-img.
func exercise(t *testing.T, path string, o disk.Options, m *disktest.Model, steps int) {
	t.Helper()
	image := open(t, path, o)
	for i := range steps {
		if err := m.Step(image); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if m.Rand.IntN(60) == 0 {
			closeImage(t, image)
			if o.Format == disk.QCOW2 && m.Rand.IntN(4) == 0 {
				disktest.Clean(t, path)
			}
			image = open(t, path, o)
		}
		if t.Failed() {
			t.Fatalf("step %d", i)
		}
	}
	if err := m.Compare(image); err != nil {
		t.Error(err)
	}
	closeImage(t, image)

	twin := filepath.Join(t.TempDir(), "twin")
	if err := os.WriteFile(twin, m.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	disktest.QemuImg(t, "compare", "-f", o.Format, "-F", "raw", path, twin)
	if o.Format == disk.QCOW2 {
		disktest.Clean(t, path)
	}
}

// steps is how many steps a test with clusters of a size affords.
func steps(cluster int64) int {
	if cluster > 1<<20 {
		return 24
	}
	return 200
}

func TestRawIsWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, []byte("a file of odd length"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &disktest.Model{Bytes: make([]byte, 512), Rand: random(t), Most: 64 << 10, ByteWise: true, MaxSize: 1 << 20, Shrinks: true}
	copy(m.Bytes, "a file of odd length")
	exercise(t, path, disk.Options{Format: disk.Raw}, m, 600)
}

func TestQCOW2IsWhatWasWritten(t *testing.T) {
	for _, cluster := range []int64{512, 1024, 4096, 65536, 2 << 20} {
		t.Run(fmt.Sprint(cluster), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "disk")
			size := 24*cluster + 3*512
			if err := disk.Create(path, disk.CreateOptions{Format: disk.QCOW2, Size: size, ClusterSize: cluster}); err != nil {
				t.Fatal(err)
			}
			disktest.Clean(t, path)
			m := &disktest.Model{Bytes: make([]byte, size), Rand: random(t), Most: 3 * cluster, MaxSize: 2 * size}
			exercise(t, path, disk.Options{Format: disk.QCOW2}, m, steps(cluster))
		})
	}
}
