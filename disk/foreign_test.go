package disk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/disk/disktest"
)

// content is a disk of which some parts are zeroes, some compress and some do
// not.
func content(r *rand.Rand, size, unit int64) []byte {
	p := make([]byte, size)
	for off := int64(0); off < size; off += unit {
		piece := p[off:min(off+unit, size)]
		switch r.IntN(4) {
		case 0:
			for i := range piece {
				piece[i] = byte(r.Uint32())
			}
		case 1:
			copy(piece, bytes.Repeat([]byte(fmt.Sprintf("%d ", r.IntN(1000))), len(piece)/2))
		}
	}
	return p
}

func writeFile(t testing.TB, path string, p []byte) {
	t.Helper()
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
}

// foreign are images as qemu-img makes them, by its options.
var foreign = []struct {
	options    string
	compressed bool
	unit       int64 // about a cluster
}{
	{options: "compat=v3", unit: 65536},
	{options: "compat=v2", unit: 65536},
	{options: "compat=v2,cluster_size=512", unit: 512},
	{options: "compat=v3,cluster_size=512", unit: 512},
	{options: "compat=v3,cluster_size=512,refcount_bits=64", unit: 512},
	{options: "compat=v3,cluster_size=1k,refcount_bits=1", unit: 1024},
	{options: "compat=v3,cluster_size=2k,refcount_bits=2", unit: 2048},
	{options: "compat=v3,cluster_size=4k,refcount_bits=4", unit: 4096},
	{options: "compat=v3,cluster_size=8k,refcount_bits=8", unit: 8192},
	{options: "compat=v3,cluster_size=16k,refcount_bits=32", unit: 16384},
	{options: "compat=v3,cluster_size=32k,refcount_bits=64", unit: 32768},
	{options: "compat=v3,cluster_size=2M", unit: 2 << 20},
	{options: "compat=v3,cluster_size=4k,lazy_refcounts=on", unit: 4096},
	{options: "compat=v3,cluster_size=4k,preallocation=metadata", unit: 4096},
	{options: "compat=v3,cluster_size=4k,preallocation=falloc", unit: 4096},
	{options: "compat=v3,cluster_size=4k,preallocation=full", unit: 4096},
	{options: "compat=v3", compressed: true, unit: 65536},
	{options: "compat=v2,cluster_size=4k", compressed: true, unit: 4096},
	{options: "compat=v3,cluster_size=512", compressed: true, unit: 512},
	{options: "compat=v3,cluster_size=4k,compression_type=zstd", compressed: true, unit: 4096},
	{options: "compat=v3,compression_type=zstd", compressed: true, unit: 65536},
	{options: "compat=v3,cluster_size=2M,compression_type=zstd", compressed: true, unit: 2 << 20},
}

func TestImagesMadeByQemuImg(t *testing.T) {
	for _, c := range foreign {
		name := c.options
		if c.compressed {
			name += ",compressed"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r := random(t)
			size := 20*c.unit + 512
			m := &disktest.Model{Bytes: content(r, size, c.unit/2), Rand: r, Most: 3 * c.unit, MaxSize: 2 * size}
			writeFile(t, filepath.Join(dir, "raw"), m.Bytes)
			path := filepath.Join(dir, "disk")
			args := []string{"convert", "-f", "raw", "-O", "qcow2", "-o", c.options}
			if c.compressed {
				args = append(args, "-c")
			}
			disktest.QemuImg(t, append(args, filepath.Join(dir, "raw"), path)...)

			readOnly := open(t, path, disk.Options{Format: disk.QCOW2, ReadOnly: true})
			if err := m.Compare(readOnly); err != nil {
				t.Error(err)
			}
			closeImage(t, readOnly)
			exercise(t, path, disk.Options{Format: disk.QCOW2}, m, steps(c.unit)/2)
		})
	}
}

func TestBackingFiles(t *testing.T) {
	const unit = 4096
	for _, c := range []struct {
		name, compat, base, baseFormat string
		shorter, longer                int64
	}{
		{name: "raw", compat: "v3", baseFormat: "raw"},
		{name: "raw v2", compat: "v2", baseFormat: "raw"},
		{name: "qcow2", compat: "v3", base: "cluster_size=512", baseFormat: "qcow2"},
		{name: "shorter than the disk", compat: "v3", baseFormat: "raw", shorter: 7*unit + 512},
		{name: "shorter than the disk v2", compat: "v2", baseFormat: "raw", shorter: 7*unit + 512},
		{name: "longer than the disk", compat: "v3", baseFormat: "raw", longer: 7*unit + 1024},
		{name: "longer than the disk v2", compat: "v2", baseFormat: "raw", longer: 7*unit + 1024},
		{name: "longer by part of a cluster", compat: "v3", baseFormat: "raw", longer: 1024},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r := random(t)
			size := int64(20*unit + 512)
			base := content(r, size-c.shorter+c.longer, unit/2)
			writeFile(t, filepath.Join(dir, "raw"), base)
			args := []string{"convert", "-f", "raw", "-O", c.baseFormat}
			if c.base != "" {
				args = append(args, "-o", c.base)
			}
			disktest.QemuImg(t, append(args, filepath.Join(dir, "raw"), filepath.Join(dir, "base"))...)
			path := filepath.Join(dir, "disk")
			disktest.QemuImg(t, "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k,compat="+c.compat,
				"-b", "base", "-F", c.baseFormat, path, fmt.Sprint(size))

			m := &disktest.Model{Bytes: make([]byte, size), Rand: r, Most: 3 * unit, MaxSize: 2 * size}
			copy(m.Bytes, base)
			exercise(t, path, disk.Options{Format: disk.QCOW2}, m, steps(unit))
			if got, err := os.ReadFile(filepath.Join(dir, "raw")); err != nil || !bytes.Equal(got, base) {
				t.Errorf("the backing file has changed: %v", err)
			}
		})
	}
}

func TestOverlaysOfOverlays(t *testing.T) {
	const unit = 4096
	dir := t.TempDir()
	r := random(t)
	size := int64(30 * unit)
	m := &disktest.Model{Bytes: make([]byte, size), Rand: r, Most: 3 * unit}
	for i := range 4 {
		path := filepath.Join(dir, fmt.Sprint(i))
		o := disk.CreateOptions{Format: disk.QCOW2, Size: size, ClusterSize: unit << i}
		if i > 0 {
			o.Backing, o.BackingFormat = fmt.Sprint(i-1), disk.QCOW2
		}
		if err := disk.Create(path, o); err != nil {
			t.Fatal(err)
		}
		exercise(t, path, disk.Options{Format: disk.QCOW2}, m, 150)
	}
}

// What a snapshot holds stays, whatever is written afterwards.
func TestInternalSnapshotsStay(t *testing.T) {
	for _, options := range []string{"cluster_size=4k", "cluster_size=512,refcount_bits=8", "cluster_size=4k,compat=v2"} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			const unit = 4096
			dir := t.TempDir()
			r := random(t)
			size := int64(20*unit + 512)
			m := &disktest.Model{Bytes: content(r, size, unit/2), Rand: r, Most: 3 * unit}
			writeFile(t, filepath.Join(dir, "raw"), m.Bytes)
			path := filepath.Join(dir, "disk")
			disktest.QemuImg(t, "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, filepath.Join(dir, "raw"), path)
			o := disk.Options{Format: disk.QCOW2}
			var kept [][]byte
			for i := range 3 {
				exercise(t, path, o, m, 100)
				disktest.QemuImg(t, "snapshot", "-c", fmt.Sprint("s", i), path)
				kept = append(kept, bytes.Clone(m.Bytes))
			}
			exercise(t, path, o, m, 200)
			for i, want := range kept {
				disktest.QemuImg(t, "snapshot", "-a", fmt.Sprint("s", i), path)
				m.Bytes = bytes.Clone(want)
				exercise(t, path, o, m, 50)
			}
			for i := range kept {
				disktest.QemuImg(t, "snapshot", "-d", fmt.Sprint("s", i), path)
				disktest.Clean(t, path)
			}
			exercise(t, path, o, m, 100)
		})
	}
}
