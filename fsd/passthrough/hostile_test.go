package passthrough_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/passthrough"
)

func TestHostileRequestsAreRefused(t *testing.T) {
	s := serve(t, passthrough.Options{Xattr: true})
	s.put("f", "0123456789")
	f := s.mustLookup(root, "f")
	fh := must(s.Open(f.Node, unix.O_RDWR))(t)
	dh := must(s.Opendir(root))(t)
	const never = math.MaxUint64
	body := fusetest.Body
	pad := make([]byte, 20)
	for name, test := range map[string]struct {
		op   fuse.Opcode
		node uint64
		body []byte
		want unix.Errno
	}{
		"opcode 0":             {0, root, nil, unix.ENOSYS},
		"an unused opcode":     {7, root, nil, unix.ENOSYS},
		"opcode 52":            {52, root, nil, unix.ENOSYS},
		"opcode 4096":          {4096, root, nil, unix.ENOSYS},
		"the largest opcode":   {math.MaxUint32, root, nil, unix.ENOSYS},
		"get a lock":           {fuse.GETLK, f.Node, make([]byte, 48), unix.ENOSYS},
		"set a lock":           {fuse.SETLK, f.Node, make([]byte, 48), unix.ENOSYS},
		"wait for a lock":      {fuse.SETLKW, f.Node, make([]byte, 48), unix.ENOSYS},
		"ioctl":                {fuse.IOCTL, f.Node, make([]byte, 32), unix.ENOSYS},
		"map memory":           {fuse.SETUPMAPPING, f.Node, make([]byte, 40), unix.ENOSYS},
		"interrupt":            {fuse.INTERRUPT, 0, body(uint64(1)), unix.ENOSYS},
		"node 0":               {fuse.GETATTR, 0, body(uint64(0), uint64(0)), unix.ESTALE},
		"an unknown node":      {fuse.GETATTR, 12345, body(uint64(0), uint64(0)), unix.ESTALE},
		"the last node":        {fuse.LOOKUP, never, body("f"), unix.ESTALE},
		"rename to no node":    {fuse.RENAME, root, body(uint64(never), "f", "g"), unix.ESTALE},
		"link of no node":      {fuse.LINK, root, body(uint64(never), "g"), unix.ESTALE},
		"name without NUL":     {fuse.LOOKUP, root, []byte("f"), unix.EINVAL},
		"name of 256 bytes":    {fuse.LOOKUP, root, body(strings.Repeat("x", 256)), unix.ENAMETOOLONG},
		"two names":            {fuse.LOOKUP, root, body("f", "g"), unix.EINVAL},
		"no body":              {fuse.LOOKUP, root, nil, unix.EINVAL},
		"one name to rename":   {fuse.RENAME, root, body(uint64(root), "f"), unix.EINVAL},
		"three to rename":      {fuse.RENAME, root, body(uint64(root), "f", "g", "h"), unix.EINVAL},
		"rename flags":         {fuse.RENAME2, root, body(uint64(root), uint32(1<<31), uint32(0), "f", "g"), unix.EINVAL},
		"link without text":    {fuse.SYMLINK, root, body("l"), unix.EINVAL},
		"link to nothing":      {fuse.SYMLINK, root, body("l", ""), unix.EINVAL},
		"text without NUL":     {fuse.SYMLINK, root, body("l", []byte("x")), unix.EINVAL},
		"text of 64 KiB":       {fuse.SYMLINK, root, body("l", strings.Repeat("x", 1<<16)), unix.ENAMETOOLONG},
		"half an open":         {fuse.OPEN, f.Node, make([]byte, 7), unix.EINVAL},
		"half a create":        {fuse.CREATE, root, make([]byte, 15), unix.EINVAL},
		"half a setattr":       {fuse.SETATTR, f.Node, make([]byte, 87), unix.EINVAL},
		"half a read":          {fuse.READ, f.Node, make([]byte, 39), unix.EINVAL},
		"half a release":       {fuse.RELEASE, f.Node, body(fh, uint64(0)), unix.EINVAL},
		"an unknown handle":    {fuse.READ, f.Node, body(uint64(never), uint64(0), uint32(1), pad), unix.EBADF},
		"a directory's":        {fuse.READ, f.Node, body(dh, uint64(0), uint32(1), pad), unix.EBADF},
		"a file's":             {fuse.READDIR, root, body(fh, uint64(0), uint32(4096), pad), unix.EBADF},
		"release of the other": {fuse.RELEASEDIR, root, body(fh, uint64(0), uint64(0)), unix.EBADF},
		"read at 2^63":         {fuse.READ, f.Node, body(fh, uint64(1<<63), uint32(1), pad), unix.EINVAL},
		"read at 2^64-1":       {fuse.READ, f.Node, body(fh, uint64(never), uint32(1), pad), unix.EINVAL},
		"list at 2^63":         {fuse.READDIR, root, body(dh, uint64(1<<63), uint32(4096), pad), unix.EINVAL},
		"write at 2^63":        {fuse.WRITE, f.Node, body(fh, uint64(1<<63), uint32(1), uint32(0), make([]byte, 16), []byte("x")), unix.EINVAL},
		"write at the end":     {fuse.WRITE, f.Node, body(fh, uint64(math.MaxInt64), uint32(1), uint32(0), make([]byte, 16), []byte("x")), unix.EINVAL},
		"less than it writes":  {fuse.WRITE, f.Node, body(fh, uint64(0), uint32(math.MaxUint32), uint32(0), make([]byte, 16), []byte("x")), unix.EINVAL},
		"more than it writes":  {fuse.WRITE, f.Node, body(fh, uint64(0), uint32(1), uint32(0), make([]byte, 16), []byte("xy")), unix.EINVAL},
		"space at 2^63":        {fuse.FALLOCATE, f.Node, body(fh, uint64(1<<63), uint64(1), uint64(0)), unix.EINVAL},
		"space of 2^64-1":      {fuse.FALLOCATE, f.Node, body(fh, uint64(0), uint64(never), uint64(0)), unix.EINVAL},
		"seek from 2^63":       {fuse.LSEEK, f.Node, body(fh, uint64(1<<63), uint64(unix.SEEK_DATA)), unix.EINVAL},
		"copy from 2^63":       {fuse.COPY_FILE_RANGE, f.Node, body(fh, uint64(1<<63), f.Node, fh, uint64(0), uint64(1), uint64(0)), unix.EINVAL},
		"copy with flags":      {fuse.COPY_FILE_RANGE, f.Node, body(fh, uint64(0), f.Node, fh, uint64(0), uint64(1), uint64(1)), unix.EINVAL},
		"attribute too short":  {fuse.SETXATTR, f.Node, body(uint32(9), uint32(0), "user.a", []byte("x")), unix.EINVAL},
		"attribute of 64 KiB":  {fuse.SETXATTR, f.Node, body(uint32(1<<16+1), uint32(0), "user.a", make([]byte, 1<<16+1)), unix.E2BIG},
		"attribute's flags":    {fuse.SETXATTR, f.Node, body(uint32(1), uint32(8), "user.a", []byte("x")), unix.EINVAL},
		"forgetting too much":  {fuse.BATCH_FORGET, 0, body(uint32(math.MaxUint32), uint32(0), uint64(1), uint64(1)), unix.EINVAL},
		"half a forget":        {fuse.FORGET, f.Node, make([]byte, 7), unix.EINVAL},
	} {
		if _, err := s.Call(test.op, test.node, test.body, 4096); err != test.want {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if s.get("f") != "0123456789" {
		t.Errorf("f is %q", s.get("f"))
	}
	// All is well all the same.
	if p, err := s.Read(f.Node, fh, 0, 3); string(p) != "012" || err != nil {
		t.Errorf("read %q, %v", p, err)
	}
}

func TestLengthsThatLie(t *testing.T) {
	s := serve(t, passthrough.Options{})
	request := func(change func(b []byte) []byte) error {
		b := s.Request(fuse.GETATTR, root, fusetest.Body(uint64(0), uint64(0)))
		reply, err := s.Do(change(b), 200)
		check(t, err)
		_, err = fusetest.Parse(reply)
		return err
	}
	for name, change := range map[string]func(b []byte) []byte{
		"longer":            func(b []byte) []byte { binary.LittleEndian.PutUint32(b, uint32(len(b)+1)); return b },
		"shorter":           func(b []byte) []byte { binary.LittleEndian.PutUint32(b, 40); return b },
		"none":              func(b []byte) []byte { binary.LittleEndian.PutUint32(b, 0); return b },
		"the largest":       func(b []byte) []byte { binary.LittleEndian.PutUint32(b, math.MaxUint32); return b },
		"more extensions":   func(b []byte) []byte { binary.LittleEndian.PutUint16(b[36:], 3); return b },
		"all of extensions": func(b []byte) []byte { binary.LittleEndian.PutUint16(b[36:], math.MaxUint16); return b },
	} {
		wants(t, name, request(change), unix.EINVAL)
	}
	wants(t, "as it is", request(func(b []byte) []byte { return b }), nil)
}

func TestRepliesNeverPassTheirRoom(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "0123456789")
	f := s.mustLookup(root, "f")
	fh := must(s.Open(f.Node, unix.O_RDWR))(t)
	for name, test := range map[string]struct {
		op   fuse.Opcode
		node uint64
		body []byte
		room int
		want error
	}{
		"attributes": {fuse.GETATTR, f.Node, make([]byte, 16), 103, unix.EINVAL},
		"a name":     {fuse.LOOKUP, root, fusetest.Body("f"), 127, unix.EINVAL},
		"mkdir":      {fuse.MKDIR, root, fusetest.Body(uint64(0o700), "new"), 127, unix.EINVAL},
		"create":     {fuse.CREATE, root, fusetest.Body(uint32(unix.O_RDWR), uint32(0o600), uint64(0), "new"), 143, unix.EINVAL},
		"open":       {fuse.OPEN, f.Node, make([]byte, 8), 0, unix.EINVAL},
		"opendir":    {fuse.OPENDIR, root, make([]byte, 8), 15, unix.EINVAL},
		"write":      {fuse.WRITE, f.Node, fusetest.Body(fh, uint64(0), uint64(1), make([]byte, 16), []byte("x")), 7, unix.EINVAL},
		"read":       {fuse.READ, f.Node, fusetest.Body(fh, uint64(0), uint32(10), make([]byte, 20)), 4, nil},
		"statfs":     {fuse.STATFS, root, nil, 79, unix.EINVAL},
		"readlink":   {fuse.READLINK, f.Node, nil, 0, unix.EINVAL},
	} {
		nodes, handles := s.fs.Nodes(), s.fs.Handles()
		b, err := s.Call(test.op, test.node, test.body, test.room)
		if err != test.want || len(b) > test.room {
			t.Errorf("%s in %d bytes: %d bytes, %v; want %v", name, test.room, len(b), err, test.want)
		}
		if s.fs.Nodes() != nodes || s.fs.Handles() != handles {
			t.Errorf("%s: the guest holds what it was not told of", name)
		}
	}
	if list := s.list(fuse.READDIR, root, 4096); len(list) != 3 || s.get("f") != "0123456789" {
		t.Errorf("what failed was done: %v, %q", list, s.get("f"))
	}
}

func TestForgettingIsCounted(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "x")
	f := s.mustLookup(root, "f")
	for range 2 {
		if again := s.mustLookup(root, "f"); again.Node != f.Node {
			t.Fatalf("node %d, then %d", f.Node, again.Node)
		}
	}
	check(t, s.Forget(f.Node, 2))
	must(s.Getattr(f.Node))(t)
	check(t, s.Forget(f.Node, math.MaxUint64))
	_, err := s.Getattr(f.Node)
	wants(t, "a node that is forgotten", err, unix.ESTALE)
	// The root, and nodes that are not there, can be forgotten without harm.
	check(t, s.Forget(root, math.MaxUint64))
	check(t, s.Forget(4711, 1))
	must(s.Getattr(root))(t)
	if again := s.mustLookup(root, "f"); again.Node == f.Node {
		t.Error("a node's id was used again")
	}
	a, b := must(s.Mkdir(root, "a", 0o700))(t), must(s.Mkdir(root, "b", 0o700))(t)
	_, err = s.Do(s.Request(fuse.BATCH_FORGET, 0, fusetest.Body(uint32(2), uint32(0), a.Node, uint64(1), b.Node, uint64(1))), 0)
	check(t, err)
	for _, node := range []uint64{a.Node, b.Node} {
		_, err := s.Getattr(node)
		wants(t, "one of many that are forgotten", err, unix.ESTALE)
	}
}

func TestASessionBeginsWithInit(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "x")
	f := s.mustLookup(root, "f")
	fh := must(s.Open(f.Node, unix.O_RDONLY))(t)
	for name, test := range map[string]struct {
		major, minor uint32
		want         error
	}{
		"too old":       {7, 30, unix.EPROTO},
		"much too old":  {6, 99, unix.EPROTO},
		"a later major": {8, 0, nil},
	} {
		b, err := s.Call(fuse.INIT, 0, fusetest.Body(test.major, test.minor, make([]byte, 8)), 64)
		wants(t, name, err, test.want)
		if err == nil && b[0] != fuse.Major {
			t.Errorf("%s: answered with major %d", name, b[0])
		}
		_, err = s.Getattr(root)
		wants(t, name+": before INIT", err, unix.EIO)
	}
	flags, err := s.Init(fusetest.AllFlags)
	check(t, err)
	for _, flag := range []uint64{fuse.InitPosixLocks, fuse.InitFlockLocks, fuse.InitPosixACL, fuse.InitWritebackCache, fuse.InitDontMask, fuse.InitExportSupport, fuse.InitSetxattrExt} {
		if flags&flag != 0 {
			t.Errorf("flag %#x is agreed to", flag)
		}
	}
	if flags, _ := s.Init(fuse.InitBigWrites); flags != fuse.InitBigWrites {
		t.Errorf("agreed to %#x, was offered %#x", flags, fuse.InitBigWrites)
	}
	_, err = s.Getattr(f.Node)
	wants(t, "an earlier session's node", err, unix.ESTALE)
	_, err = s.Read(f.Node, fh, 0, 1)
	wants(t, "an earlier session's handle", err, unix.EBADF)
	if e := s.mustLookup(root, "f"); e.Node == f.Node {
		t.Error("a node's id was used again")
	}
	if _, err := s.Call(fuse.DESTROY, 0, nil, 0); err != nil {
		t.Error(err)
	}
	if s.fs.Nodes() != 1 || s.fs.Handles() != 0 {
		t.Errorf("%d nodes, %d handles are left", s.fs.Nodes(), s.fs.Handles())
	}
}

func TestDescriptorsAreBounded(t *testing.T) {
	s := serve(t, passthrough.Options{MaxOpen: 40})
	for i := range 100 {
		s.put(string(rune('a'+i%26))+strings.Repeat("x", i/26), "")
	}
	// Names are listed whatever happens.
	if list := s.list(fuse.READDIRPLUS, root, 1<<16); len(list) != 102 {
		t.Errorf("%d names, want 102", len(list))
	}
	var nodes []uint64
	var err error
	for i := 0; err == nil && i < 100; i++ {
		e, lookupErr := s.Lookup(root, string(rune('a'+i%26))+strings.Repeat("x", i/26))
		if err = lookupErr; err == nil {
			nodes = append(nodes, e.Node)
		}
	}
	if err != unix.ENFILE || len(nodes) != 40 {
		t.Errorf("%v after %d nodes, want ENFILE after 40", err, len(nodes))
	}
	_, err = s.Open(nodes[0], unix.O_RDONLY)
	wants(t, "open", err, unix.ENFILE)
	_, err = s.Opendir(root)
	wants(t, "opendir", err, unix.ENFILE)
	_, _, err = s.Create(root, "new", unix.O_RDWR, 0o600)
	wants(t, "create", err, unix.ENFILE)
	check(t, s.Forget(nodes[0], 1))
	_, _, err = s.Create(root, "new", unix.O_RDWR, 0o600)
	wants(t, "create with one descriptor left", err, unix.ENFILE)
	check(t, s.Forget(nodes[1], 1))
	if _, _, err := s.Create(root, "new", unix.O_RDWR, 0o600); err != nil {
		t.Errorf("create with two descriptors left: %v", err)
	}
}

// FuzzFS does what a guest may: requests of any kind, one after the other. The
// corpus names requests without their headers' lengths.
func FuzzFS(f *testing.F) {
	one := func(op fuse.Opcode, node uint64, body []byte) []byte {
		b := fusetest.Request(op, node, 0, 0, body)
		return append(binary.LittleEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
	body := fusetest.Body
	f.Add(bytes.Join([][]byte{
		one(fuse.LOOKUP, root, body("f")), one(fuse.OPEN, 2, body(uint32(2), uint32(0))),
		one(fuse.WRITE, 2, body(uint64(1), uint64(3), uint32(2), uint32(4), make([]byte, 16), []byte("xy"))),
		one(fuse.READ, 2, body(uint64(1), uint64(0), uint32(100), make([]byte, 20))),
		one(fuse.RELEASE, 2, body(uint64(1), uint64(0), uint64(0))),
	}, nil))
	f.Add(bytes.Join([][]byte{
		one(fuse.CREATE, root, body(uint32(66), uint32(0o600), uint64(0), "new")), one(fuse.LINK, root, body(uint64(2), "l")),
		one(fuse.SETATTR, 2, make([]byte, 88)), one(fuse.RENAME2, root, body(uint64(root), uint64(2), "l", "f")),
		one(fuse.UNLINK, root, body("l")), one(fuse.FORGET, 2, body(uint64(9))),
	}, nil))
	f.Add(bytes.Join([][]byte{
		one(fuse.MKDIR, root, body(uint64(0o700), "d")), one(fuse.OPENDIR, root, make([]byte, 8)),
		one(fuse.READDIRPLUS, root, body(uint64(1), uint64(0), uint32(4096), make([]byte, 20))),
		one(fuse.SYMLINK, 2, body("s", "..")), one(fuse.LOOKUP, 3, body("x")), one(fuse.RMDIR, root, body("d")),
		one(fuse.BATCH_FORGET, 0, body(uint32(1), uint32(0), uint64(2), uint64(1))), one(fuse.DESTROY, 0, nil),
	}, nil))
	f.Add(bytes.Join([][]byte{
		one(fuse.LOOKUP, root, body("f")), one(fuse.SETXATTR, 2, body(uint32(1), uint32(0), "user.a", []byte("x"))),
		one(fuse.GETXATTR, 2, body(uint64(10), "user.a")), one(fuse.LISTXATTR, 2, body(uint64(100))),
		one(fuse.INIT, 0, body(uint32(7), uint32(38), uint64(0))), one(fuse.MKNOD, root, body(uint32(0o10600), uint32(0), uint64(0), "p")),
	}, nil))
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 1<<14 {
			t.Skip()
		}
		top := inMemory(t)
		dir := filepath.Join(top, "share")
		check(t, os.Mkdir(dir, 0o755))
		check(t, os.WriteFile(filepath.Join(top, "secret"), []byte("secret"), 0o644))
		check(t, os.WriteFile(filepath.Join(dir, "f"), []byte("0123456789"), 0o644))
		check(t, os.Symlink("../secret", filepath.Join(dir, "out")))
		fs := newFS(t, dir, passthrough.Options{Xattr: true, MaxOpen: 20})
		reply := make([]byte, 8192)
		fs.Handle(fusetest.Request(fuse.INIT, 0, 0, 0, body(uint32(7), uint32(38), uint64(0))), reply)
		for len(input) >= 2 {
			n := int(binary.LittleEndian.Uint16(input))
			room := reply[:8192-n%8177] // 16 to 8192 bytes
			if n%7 == 0 {
				room = nil
			}
			n = min(n, len(input)-2)
			request := bytes.Clone(input[2 : 2+n])
			input = input[2+n:]
			if len(request) >= 44 && !small(request) {
				continue
			}
			got := fs.Handle(request, room)
			if room == nil {
				if got != 0 {
					t.Fatalf("a reply of %d bytes that has no room", got)
				}
				continue
			}
			if got < 16 || got > len(room) || binary.LittleEndian.Uint32(room) != uint32(got) {
				t.Fatalf("reply of %d bytes in %d says that it has %d", got, len(room), binary.LittleEndian.Uint32(room))
			}
			if e := -int32(binary.LittleEndian.Uint32(room[4:])); e < 0 || e >= 512 {
				t.Fatalf("error %d", e)
			}
		}
		if b, err := os.ReadFile(filepath.Join(top, "secret")); err != nil || string(b) != "secret" {
			t.Fatalf("outside there is %q, %v", b, err)
		}
		if list, _ := os.ReadDir(top); len(list) > 2 {
			t.Fatalf("outside there is %v", list)
		}
	})
}

// inMemory makes a directory in memory, where there is one: to make files durable is
// slow elsewhere.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "share")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

// small keeps the fuzzer from filling the disk, and makes it own what it makes.
func small(request []byte) bool {
	op := fuse.Opcode(binary.LittleEndian.Uint32(request[4:]))
	clear(request[24:32]) // the user
	at := map[fuse.Opcode]int{fuse.FALLOCATE: 8, fuse.WRITE: 8, fuse.COPY_FILE_RANGE: 32, fuse.SETATTR: 16}[op]
	for i := at; at > 0 && i < at+16 && i+8 <= len(request)-40; i += 8 {
		if binary.LittleEndian.Uint64(request[40+i:]) > 1<<20 {
			return false
		}
	}
	return op != fuse.SYNCFS
}
