package kernel

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const testRelease = "6.1.0-test-amd64"

// tinyELF is an ELF file for x86-64 of a type, with a .modinfo section where
// text is not empty.
func tinyELF(kind uint16, modinfo string) []byte {
	names := "\x00.modinfo\x00.shstrtab\x00"
	var b bytes.Buffer
	w := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	infoAt := uint64(64)
	namesAt := infoAt + uint64(len(modinfo))
	tableAt := namesAt + uint64(len(names))
	w([]uint16{kind, 62})
	w(uint32(1))
	w([]uint64{0, 0, tableAt})
	w(uint32(0))
	w([]uint16{64, 56, 0, 64, 3, 2})
	b.WriteString(modinfo)
	b.WriteString(names)
	section := func(name, kind uint32, at, size uint64) {
		w([]uint32{name, kind})
		w([]uint64{0, 0, at, size})
		w([]uint32{0, 0})
		w([]uint64{1, 0})
	}
	section(0, 0, 0, 0)
	section(1, 1, infoAt, uint64(len(modinfo)))
	section(10, 3, namesAt, uint64(len(names)))
	return b.Bytes()
}

func tinyModule(name, depends string) []byte {
	return tinyELF(1, fmt.Sprintf("name=%s\x00depends=%s\x00vermagic=%s SMP\x00", name, depends, testRelease))
}

// tinyBzImage is a bzImage with a payload, which gets the size behind it that
// the real ones have.
func tinyBzImage(release string, payload []byte) []byte {
	const sects = 4
	image := make([]byte, (sects+1)*setupSectorSize, (sects+1)*setupSectorSize+0x200+len(payload)+sizeTrailer)
	le := binary.LittleEndian
	image[hdrSetupSects] = sects
	le.PutUint16(image[hdrBootFlag:], bootFlag)
	copy(image[hdrMagic:], "HdrS")
	le.PutUint16(image[hdrVersion:], 0x020f)
	le.PutUint16(image[hdrXLoadFlags:], xlfKernel64)
	le.PutUint16(image[hdrKernVersion:], 0x400)
	copy(image[0x600:], release+" (test) #1\x00")
	le.PutUint32(image[hdrPayloadOffset:], 0x200)
	le.PutUint32(image[hdrPayloadLength:], uint32(len(payload)+sizeTrailer))
	image = append(image, make([]byte, 0x200)...)
	image = append(image, payload...)
	return append(image, 0, 0, 0, 0)
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zstdPacked(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func lz4Packed(t testing.TB, b []byte) []byte {
	t.Helper()
	block := make([]byte, lz4.CompressBlockBound(len(b)))
	n, err := lz4.CompressBlock(b, block, nil)
	if err != nil || n == 0 {
		t.Fatalf("lz4: %d bytes, %v", n, err)
	}
	out := binary.LittleEndian.AppendUint32([]byte("\x02\x21\x4c\x18"), uint32(n))
	return append(out, block[:n]...)
}

// entry is a file of a package.
type entry struct {
	name string
	data []byte
	link string
}

// tinyDeb writes a Debian package.
func tinyDeb(t testing.TB, suffix string, entries []entry) string {
	t.Helper()
	var files bytes.Buffer
	tw := tar.NewWriter(&files)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.data)), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, e.link, 0
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	data := files.Bytes()
	switch suffix {
	case ".gz":
		data = gzipped(data)
	case ".zst":
		data = zstdPacked(t, data)
	}
	var deb bytes.Buffer
	deb.WriteString(arMagic)
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"data.tar" + suffix, data}} {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		deb.Write(m.data)
		if len(m.data)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	path := filepath.Join(t.TempDir(), "linux-image-test.deb")
	if err := os.WriteFile(path, deb.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kernelEntries are a whole kernel's files.
func kernelEntries() []entry {
	modules := "./lib/modules/" + testRelease + "/"
	return []entry{
		{name: "./boot/vmlinuz-" + testRelease, data: tinyBzImage(testRelease, gzipped(tinyELF(2, "")))},
		{name: modules + "kernel/fs/9p/9p.ko", data: tinyModule("9p", "9pnet")},
		{name: modules + "kernel/net/9p/9pnet.ko.gz", data: gzipped(tinyModule("9pnet", ""))},
		{name: modules + "kernel/drivers/unrelated.ko", data: tinyModule("unrelated", "")},
		{name: modules + "modules.builtin", data: []byte("kernel/drivers/virtio/virtio_pci.ko\n")},
	}
}
