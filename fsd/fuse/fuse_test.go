package fuse

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes are those of the structures in linux/fuse.h, which compilers on amd64 do
// not pad.
func TestRepliesHaveTheKernelsSizes(t *testing.T) {
	for name, test := range map[string]struct {
		put  func(r *Reply)
		want int
	}{
		"fuse_attr":       {func(r *Reply) { r.Attr(new(Attr)) }, 88},
		"fuse_attr_out":   {func(r *Reply) { r.AttrOut(new(Attr), time.Second) }, 104},
		"fuse_entry_out":  {func(r *Reply) { r.Entry(new(Entry)) }, 128},
		"fuse_open_out":   {func(r *Reply) { r.OpenOut(1, 2) }, 16},
		"fuse_write_out":  {func(r *Reply) { r.WriteOut(1) }, 8},
		"fuse_init_out":   {func(r *Reply) { r.InitOut(new(InitOut)) }, 64},
		"fuse_statfs_out": {func(r *Reply) { r.Statfs(new(Statfs)) }, 80},
		"fuse_dirent":     {func(r *Reply) { r.Dirent(1, 2, 3, []byte("12345678")) }, 32},
		"an odd name":     {func(r *Reply) { r.Dirent(1, 2, 3, []byte("123456789")) }, 40},
	} {
		buf := bytes.Repeat([]byte{0xff}, 200)
		r := NewReply(buf)
		test.put(r)
		if n := r.Finish(7, 0); n != OutHeaderSize+test.want {
			t.Errorf("%s: %d bytes, want %d", name, n-OutHeaderSize, test.want)
		}
		small := buf[:OutHeaderSize+test.want-1]
		r = NewReply(small)
		test.put(r)
		if n := r.Finish(7, 0); n != OutHeaderSize || int32(binary.LittleEndian.Uint32(buf[4:])) != -int32(unix.EINVAL) {
			t.Errorf("%s in one byte less: %d bytes, header %x", name, n, buf[:16])
		}
	}
}

func TestAnErrorDropsWhatWasWritten(t *testing.T) {
	buf := make([]byte, 100)
	r := NewReply(buf)
	r.U64(1)
	n := r.Finish(0x0102030405060708, unix.ENOENT)
	want := []byte{16, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 8, 7, 6, 5, 4, 3, 2, 1}
	if !bytes.Equal(buf[:n], want) {
		t.Errorf("%x, want %x", buf[:n], want)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		in   string
		want string
		err  error
	}{
		{"a\x00", "a", nil},
		{"...\x00", "...", nil},
		{" \x00", " ", nil},
		{strings.Repeat("x", 255) + "\x00", strings.Repeat("x", 255), nil},
		{strings.Repeat("x", 256) + "\x00", "", unix.ENAMETOOLONG},
		{"", "", unix.EINVAL},
		{"\x00", "", unix.EINVAL},
		{"a", "", unix.EINVAL},
		{".\x00", "", unix.EINVAL},
		{"..\x00", "", unix.EINVAL},
		{"/\x00", "", unix.EINVAL},
		{"a/b\x00", "", unix.EINVAL},
		{"a\x00b\x00", "", unix.EINVAL},
	} {
		if got, err := LastName([]byte(test.in)); got != test.want || err != test.err {
			t.Errorf("%q: %q, %v; want %q, %v", test.in, got, err, test.want, test.err)
		}
	}
}

func TestExtensionsAreCutOff(t *testing.T) {
	b := make([]byte, 40+8+16)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint16(b[36:], 2)
	if _, body, ok := ParseRequest(b); !ok || len(body) != 8 {
		t.Errorf("%d bytes, %v; want 8", len(body), ok)
	}
	binary.LittleEndian.PutUint16(b[36:], 4)
	if _, _, ok := ParseRequest(b); ok {
		t.Error("more extensions than there are bytes are accepted")
	}
}

func TestOpcodesHaveNames(t *testing.T) {
	for op, want := range map[Opcode]string{READDIRPLUS: "READDIRPLUS", 0: "opcode 0", 7: "opcode 7", 1 << 31: "opcode 2147483648"} {
		if got := op.String(); got != want {
			t.Errorf("%d: %q, want %q", uint32(op), got, want)
		}
	}
}

// FuzzParse: whatever is parsed is a part of what was there, and a request that is
// one byte shorter than a structure is refused.
func FuzzParse(f *testing.F) {
	f.Add(make([]byte, 88))
	f.Add([]byte("a\x00b\x00"))
	f.Add(append(make([]byte, 8), "name\x00"...))
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		fits := func(name string, ok bool, size int) {
			if ok != (len(b) >= size) {
				t.Errorf("%s of %d bytes: %v", name, len(b), ok)
			}
		}
		_, ok := ParseSetattrIn(b)
		fits("setattr", ok, 88)
		_, ok = ParseOpenIn(b)
		fits("open", ok, 8)
		_, rest, ok := ParseCreateIn(b)
		fits("create", ok, 16)
		_, _, rest2, ok := ParseMknodIn(b)
		fits("mknod", ok, 16)
		if len(rest)+16 > max(16, len(b)) || len(rest) != len(rest2) {
			t.Errorf("%d and %d bytes are left of %d", len(rest), len(rest2), len(b))
		}
		_, ok = ParseReadIn(b)
		fits("read", ok, 40)
		_, _, ok = ParseHandle(b, ReleaseInSize)
		fits("release", ok, 24)
		_, ok = ParseFallocateIn(b)
		fits("fallocate", ok, 32)
		_, ok = ParseLseekIn(b)
		fits("lseek", ok, 24)
		_, ok = ParseCopyIn(b)
		fits("copy", ok, 56)
		if in, data, ok := ParseWriteIn(b); ok && (int(in.Size) != len(data) || len(data) != len(b)-40) {
			t.Errorf("write of %d bytes has %d", in.Size, len(data))
		}
		if forgets, ok := ParseBatchForget(b); ok {
			n := 0
			for range forgets {
				n++
			}
			if n > (len(b)-8)/16 {
				t.Errorf("%d to forget in %d bytes", n, len(b))
			}
		}
		if name, rest, err := Name(b); err == nil {
			if !bytes.HasPrefix(b, []byte(name+"\x00")) || len(name)+1+len(rest) != len(b) ||
				name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
				t.Errorf("name %q of %q", name, b)
			}
		}
		_, _ = ParseInitIn(b)
	})
}
