package machine

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func rootIsTheDisk(m *machine) {
	mounts := m.sh("cat /proc/mounts")
	if !strings.Contains(mounts, "/dev/vda / ext4 rw") {
		m.t.Errorf("the root is not the disk:\n%s", mounts)
	}
	m.sh("echo kept > /data/kept && sync && test $(cat /data/kept) = kept")
}

// fio runs jobs, which must not meet an error.
func (m *machine) fio(args ...string) {
	m.t.Helper()
	var report struct {
		Jobs []struct {
			Name  string `json:"jobname"`
			Error int    `json:"error"`
		} `json:"jobs"`
	}
	out := m.run(append([]string{"fio", "--output-format=json", "--direct=1", "--ioengine=libaio", "--end_fsync=1"}, args...)...)
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Jobs) == 0 {
		m.t.Errorf("fio: %v\n%s", err, out)
	}
	for _, j := range report.Jobs {
		if j.Error != 0 {
			m.t.Errorf("fio: job %s: error %d\n%s", j.Name, j.Error, out)
		}
	}
}

func fioVerifies(m *machine) {
	m.fio("--name=verified", "--directory=/data", "--size=12M", "--rw=randrw", "--bsrange=4k-64k", "--iodepth=16",
		"--numjobs=2", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1")
}

// twinSize is enough for several L2 tables of clusters of 4 KiB.
const twinSize = "64M"

// twins are a qcow2 and a raw image that are written alike.
type twins struct{ qcow2, raw string }

func newTwins(t testing.TB) twins {
	t.Helper()
	dir := t.TempDir()
	w := twins{filepath.Join(dir, "twin.qcow2"), filepath.Join(dir, "twin.raw")}
	qemuImg(t, "create", "-q", "-f", "qcow2", "-o", "cluster_size=16k", w.qcow2, twinSize)
	qemuImg(t, "create", "-q", "-f", "raw", w.raw, twinSize)
	return w
}

// write has fio, and a program that writes zeroes too, do the same to both.
func (w twins) write(m *machine) {
	for _, disk := range []string{"/dev/vdb", "/dev/vdc"} {
		m.fio("--name=twin", "--filename="+disk, "--rw=randwrite", "--bsrange=512-96k", "--io_size=12M",
			"--iodepth=1", "--randseed=7", "--refill_buffers")
		m.run(guestside, "disk", disk, "7", "100")
	}
}

// compare looks at the images when the machine is gone.
func (w twins) compare(t testing.TB) {
	t.Helper()
	qemuImg(t, "check", "-q", "-f", "qcow2", w.qcow2)
	qemuImg(t, "compare", "-q", "-f", "qcow2", "-F", "raw", w.qcow2, w.raw)
}

func readEntropy(m *machine) {
	if name := m.sh("cat /sys/class/misc/hw_random/rng_current"); !strings.HasPrefix(name, "virtio_rng") {
		m.t.Errorf("the random number generator is %q", name)
	}
	one, other := m.sh("head -c 4096 /dev/hwrng"), m.sh("head -c 4096 /dev/hwrng")
	if len(one) != 4096 || one == other || bytes.Count([]byte(one), []byte{0}) > 100 {
		m.t.Errorf("not random: %d bytes, %d of them zero", len(one), bytes.Count([]byte(one), []byte{0}))
	}
}
