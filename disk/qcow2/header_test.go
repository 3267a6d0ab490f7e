package qcow2

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

// edit is a change of a header's bytes.
type edit func(p []byte)

func put32(at int, v uint32) edit {
	return func(p []byte) { binary.BigEndian.PutUint32(p[at:], v) }
}

func put64(at int, v uint64) edit {
	return func(p []byte) { binary.BigEndian.PutUint64(p[at:], v) }
}

func TestHeadersThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		edits []edit
		want  string
	}{
		{"no magic", []edit{put32(0, 0)}, "state that format"},
		{"version 1", []edit{put32(4, 1)}, "version 1"},
		{"version 4", []edit{put32(4, 4)}, "version 4"},
		{"clusters of 256 bytes", []edit{put32(20, 8)}, "cluster_bits 8"},
		{"clusters of 4 MiB", []edit{put32(20, 22)}, "cluster_bits 22"},
		{"cluster_bits beyond all bounds", []edit{put32(20, math.MaxUint32)}, "cluster_bits"},
		{"size beyond int64", []edit{put64(24, 1<<63)}, "size"},
		{"largest size", []edit{put64(24, 1<<62)}, "l1_size"},
		{"AES", []edit{put32(32, 1)}, "AES encryption is not supported"},
		{"LUKS", []edit{put32(32, 2)}, "LUKS encryption is not supported"},
		{"unknown encryption", []edit{put32(32, 3)}, "crypt_method 3"},
		{"too few L1 entries", []edit{put32(36, 0)}, "l1_size 0"},
		{"too many L1 entries", []edit{put32(36, maxL1Bytes/8+1)}, "l1_size 4194305"},
		{"most L1 entries, in a small file", []edit{put32(36, maxL1Bytes/8)}, "not inside the file"},
		{"L1 table at 0", []edit{put64(40, 0)}, "l1_table_offset 0x0"},
		{"L1 table not at a cluster", []edit{put64(40, 0x3200)}, "l1_table_offset 0x3200"},
		{"L1 table past the end", []edit{put64(40, 1<<40)}, "not inside the file"},
		{"L1 table past all offsets", []edit{put64(40, 1<<63)}, "l1_table_offset"},
		{"no refcount table", []edit{put32(56, 0)}, "refcount_table_clusters 0"},
		{"a refcount table of 16 MiB", []edit{put32(56, 4096)}, "refcount_table_clusters 4096"},
		{"refcount_table_clusters beyond all bounds", []edit{put32(56, math.MaxUint32)}, "refcount_table_clusters"},
		{"refcount table past the end", []edit{put64(48, 1<<30)}, "not inside the file"},
		{"refcount table not at a cluster", []edit{put64(48, 0x1001)}, "refcount_table_offset 0x1001"},
		{"too many snapshots", []edit{put32(60, maxSnapshots+1)}, "nb_snapshots 65537"},
		{"snapshots nowhere", []edit{put32(60, 1), put64(64, 0)}, "snapshots_offset 0x0"},
		{"snapshots past the end", []edit{put32(60, 1), put64(64, 1<<40)}, "not inside the file"},
		{"external data file", []edit{put64(72, 1<<2)}, "external data file"},
		{"extended L2 entries", []edit{put64(72, 1<<4)}, "extended L2 entries"},
		{"a feature of the future", []edit{put64(72, 1<<37)}, "bit 37"},
		{"two features", []edit{put64(72, 1<<2|1<<40)}, "external data file, bit 40"},
		{"compression type without its bit", []edit{func(p []byte) { p[104] = 1 }}, "compression_type 1"},
		{"compression bit without a type", []edit{put64(72, 1<<3)}, "compression_type 0"},
		{"unknown compression", []edit{put64(72, 1<<3), func(p []byte) { p[104] = 2 }}, "compression type 2"},
		{"refcount_order 7", []edit{put32(96, 7)}, "refcount_order 7"},
		{"short header", []edit{put32(100, 96)}, "header_length 96"},
		{"odd header", []edit{put32(100, 106)}, "header_length 106"},
		{"long header", []edit{put32(100, 8192)}, "header_length 8192"},
		{"backing file name inside the header", []edit{put64(8, 8), put32(16, 4)}, "backing_file_offset"},
		{"backing file name past the cluster", []edit{put64(8, 4000), put32(16, 200)}, "backing_file_offset"},
		{"backing file name beyond all offsets", []edit{put64(8, math.MaxUint64), put32(16, 2)}, "backing_file_offset"},
		{"long backing file name", []edit{put64(8, 1000), put32(16, 1024)}, "1024 bytes"},
		{"no backing file name", []edit{put64(8, 1000), put32(16, 0)}, "0 bytes"},
		{"header extension that does not fit", []edit{put64(8, 1000), put32(16, 4), put32(112, 5), put32(116, 1<<31)}, "header extension 0x5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := emptyImage(t, CreateOptions{Size: 1 << 24, ClusterSize: 4096}, 4)
			for _, e := range c.edits {
				e(f.bytes)
			}
			_, err := Open(f, Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

func TestFeaturesAreCalledByTheImagesNames(t *testing.T) {
	f := emptyImage(t, CreateOptions{Size: 1 << 24, ClusterSize: 4096}, 4)
	put64(72, 1<<37)(f.bytes)
	// The first entry of the feature name table, which follows the header.
	f.bytes[112+8], f.bytes[112+9] = 0, 37
	copy(f.bytes[112+10:], "quantum\x1b[0m clusters\x00")
	if _, err := Open(f, Options{}); err == nil || !strings.Contains(err.Error(), `"quantum\x1b[0m clusters"`) {
		t.Errorf("error %v does not name the feature", err)
	}
}

func TestShortFilesAreRefused(t *testing.T) {
	whole := emptyImage(t, CreateOptions{Size: 1 << 24, ClusterSize: 4096}, 4).bytes
	for _, n := range []int{0, 1, 4, 71, 72, 103, 104, 111, 4096, 8192, 12288} {
		if _, err := Open(newMemFile(whole[:n:n]), Options{}); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
}

func TestCorruptImagesAreOnlyRead(t *testing.T) {
	f := emptyImage(t, CreateOptions{Size: 1 << 24, ClusterSize: 4096}, 4)
	put64(72, incompatCorrupt)(f.bytes)
	if _, err := Open(f, Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("for writing: error %v", err)
	}
	im, err := Open(f, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := im.Close(); err != nil {
		t.Error(err)
	}
}

func TestAutoclearFeaturesAreCleared(t *testing.T) {
	f := emptyImage(t, CreateOptions{Size: 1 << 24, ClusterSize: 4096}, 4)
	put64(offAutoclear, 1|1<<50)(f.bytes)
	for _, readOnly := range []bool{true, false} {
		im, err := Open(f, Options{ReadOnly: readOnly})
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Close(); err != nil {
			t.Error(err)
		}
		want := uint64(0)
		if readOnly {
			want = 1 | 1<<50
		}
		if got := binary.BigEndian.Uint64(f.bytes[offAutoclear:]); got != want {
			t.Errorf("read only %v: autoclear_features %#x, want %#x", readOnly, got, want)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	for _, c := range []struct {
		o    CreateOptions
		want string
	}{
		{CreateOptions{Size: 0}, "a size of 0 bytes"},
		{CreateOptions{Size: 513}, "a size of 513 bytes"},
		{CreateOptions{Size: -512}, "a size of -512 bytes"},
		{CreateOptions{Size: 512, ClusterSize: 256}, "a cluster size of 256"},
		{CreateOptions{Size: 512, ClusterSize: 3000}, "a cluster size of 3000"},
		{CreateOptions{Size: 512, ClusterSize: 4 << 20}, "a cluster size of 4194304"},
		{CreateOptions{Size: 1 << 40, ClusterSize: 512}, "too large for clusters of 512"},
		{CreateOptions{Size: 512, BackingFile: "a"}, "both or none"},
		{CreateOptions{Size: 512, BackingFormat: "raw"}, "both or none"},
		{CreateOptions{Size: 512, BackingFile: strings.Repeat("a", 1024), BackingFormat: "raw"}, "longer than 1023"},
		{CreateOptions{Size: 512, ClusterSize: 512, BackingFile: strings.Repeat("a", 500), BackingFormat: "raw"}, "does not fit"},
	} {
		if err := Create(newMemFile(nil), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one that says %q", c.o, err, c.want)
		}
	}
}

func TestCreateCountsWhatItUses(t *testing.T) {
	for _, c := range []CreateOptions{
		{Size: 512},
		{Size: 1 << 30, ClusterSize: 512}, // an L1 table of 32 768 entries, more than one refcount block
		{Size: 64 << 30, ClusterSize: 1024},
		{Size: 1 << 40},
		{Size: 1 << 44, ClusterSize: 2 << 20},
	} {
		f := newMemFile(nil)
		if err := Create(f, c); err != nil {
			t.Fatal(err)
		}
		if leaks, err := noErrors(f); leaks > 0 || err != nil {
			t.Errorf("%+v: %d leaks, %v", c, leaks, err)
		}
		if h := header(t, f); h.Size != c.Size {
			t.Errorf("%+v: size %d", c, h.Size)
		}
	}
}

func TestRefcountsOfEveryWidth(t *testing.T) {
	for order := uint(0); order <= maxRefcountOrder; order++ {
		block := make([]byte, 512)
		n := int64(512*8) >> order
		for i := range n {
			refSet(block, order, i, uint64(i)*0x9e3779b97f4a7c15&refMax(order))
		}
		for i := range n {
			if got, want := refGet(block, order, i), uint64(i)*0x9e3779b97f4a7c15&refMax(order); got != want {
				t.Errorf("order %d: entry %d is %d, want %d", order, i, got, want)
			}
		}
	}
	// "Bit 0 means the least significant bit."
	if got := refGet([]byte{0b0000_0100}, 0, 2); got != 1 {
		t.Errorf("bit 2 is %d", got)
	}
	if got := refGet([]byte{0x5a}, 2, 1); got != 5 {
		t.Errorf("the second entry of 4 bits is %d", got)
	}
}

func TestCompressedDescriptors(t *testing.T) {
	for _, c := range []struct {
		entry   uint64
		bits    uint
		off, n  int64
		comment string
	}{
		// x is 54 for clusters of 64 KiB: eight bits of sectors.
		{1<<62 | 3<<54 | 0x50123, 16, 0x50123, 4*512 - 0x123, "64 KiB"},
		{1<<62 | 0x200, 9, 0x200, 512, "512"},
		{1<<62 | 1<<61 | 0x3ff, 9, 0x3ff, 1024 - 0x1ff, "512, two sectors"},
		{1<<62 | 0x1fff<<49 | 0x200, 21, 0x200, 0x2000 * 512, "2 MiB"},
	} {
		if off, n := compressedRange(c.entry, c.bits); off != c.off || n != c.n {
			t.Errorf("%s: %#x and %d bytes, want %#x and %d", c.comment, off, n, c.off, c.n)
		}
	}
}
