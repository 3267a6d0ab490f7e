package qcow2

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/hullvm/hull/disk/disktest"
)

var update = flag.Bool("update", false, "make the fuzz target's seeds anew, with qemu-img")

// TestSeeds makes testdata/*.qcow2.deflate: images by qemu-img, in miniature.
func TestSeeds(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	dir := t.TempDir()
	raw := bytes.Repeat([]byte("content that compresses well, and not all zeroes "), 400)[:16384]
	clear(raw[4096:6000])
	if err := os.WriteFile(filepath.Join(dir, "raw"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]string{
		"v3": "cluster_size=512", "v2": "cluster_size=512,compat=v2",
		"refcount1": "cluster_size=512,refcount_bits=1", "refcount64": "cluster_size=512,refcount_bits=64",
		"lazy": "cluster_size=1k,lazy_refcounts=on", "metadata": "cluster_size=512,preallocation=metadata",
		"zlib": "cluster_size=512", "zstd": "cluster_size=512,compression_type=zstd",
		"4k": "cluster_size=4k", "snapshot": "cluster_size=512", "dirty": "cluster_size=512,lazy_refcounts=on",
		"backing": "",
	} {
		path := filepath.Join(dir, name)
		switch name {
		case "backing":
			disktest.QemuImg(t, "create", "-q", "-f", "qcow2", "-b", "raw", "-F", "raw", "-o", "cluster_size=512", path)
		case "zlib", "zstd":
			disktest.QemuImg(t, "convert", "-c", "-O", "qcow2", "-f", "raw", "-o", options, filepath.Join(dir, "raw"), path)
		default:
			disktest.QemuImg(t, "convert", "-O", "qcow2", "-f", "raw", "-o", options, filepath.Join(dir, "raw"), path)
		}
		if name == "snapshot" {
			disktest.QemuImg(t, "snapshot", "-c", "s", path)
		}
		disktest.Run(t, "qemu-io", "-f", "qcow2", "-c", "write -z 1024 2048", "-c", "write 3000 600", path)
		p, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name == "dirty" {
			p[79] |= incompatDirty
		}
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", name+".qcow2.deflate"), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
