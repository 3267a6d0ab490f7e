package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of one command, docs/agent-protocol.md section 3.
const (
	maxSpawn  = 1 << 20 // bytes, encoded
	maxArgs   = 16384
	maxGroups = 1024
)

// Flags of an encoded command, docs/agent-protocol.md section 3.
const (
	spawnTTY            = 1 << 0
	spawnKillDisconnect = 1 << 1
	spawnKillLeft       = 1 << 2
	spawnNullStdin      = 1 << 3
	spawnNullStdout     = 1 << 4
	spawnNullStderr     = 1 << 5
	spawnMergeStderr    = 1 << 6
	spawnUser           = 1 << 7
	spawnBuiltin        = 1 << 8 // since version 2
	spawnFlags          = 1<<9 - 1
)

// WinSize is the size of a terminal in characters.
type WinSize struct {
	Rows, Columns uint16
}

// User is who a process runs as.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary, at most 1,024
}

// Command is a program to run on the other side.
type Command struct {
	Args []string // Args[0] is looked up in the PATH of Env when it has no slash
	Env  []string // NAME=value
	Dir  string   // working directory; "" is /

	// TTY gives the process a terminal of this Size. Its output, standard error
	// included, is what Stdout gets.
	TTY  bool
	Size WinSize

	User *User // nil: the agent's own

	// Builtin has the agent do it itself: Args[0] names a built-in
	// (docs/agent-protocol.md, section 6). TTY and User mean nothing then.
	Builtin bool

	// KillOnDisconnect ends the process, and what it started, when the pipe to
	// this client breaks. Without it the process runs on.
	KillOnDisconnect bool
	// KillLeft ends what the process started and left behind when it ends.
	KillLeft bool

	// Stdin is read until it ends or the process does; nil is /dev/null.
	// Writers that are nil drop the stream at the other side. Stderr may be the
	// same writer as Stdout: then the bytes come in the order they were written.
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// spawnRequest is a Command as it travels.
type spawnRequest struct {
	flags uint32
	size  WinSize
	user  User
	dir   string
	args  []string
	env   []string
}

func (s *spawnRequest) has(flag uint32) bool { return s.flags&flag != 0 }

// request turns the command into what travels, or says what is wrong with it.
func (c *Command) request() (*spawnRequest, error) {
	s := &spawnRequest{size: c.Size, dir: c.Dir, args: c.Args, env: c.Env}
	set := func(on bool, flag uint32) {
		if on {
			s.flags |= flag
		}
	}
	set(c.TTY && !c.Builtin, spawnTTY)
	set(c.Builtin, spawnBuiltin)
	set(c.KillOnDisconnect, spawnKillDisconnect)
	set(c.KillLeft, spawnKillLeft)
	set(c.Stdin == nil, spawnNullStdin)
	set(c.Stdout == nil, spawnNullStdout)
	merged := c.Stderr != nil && sameWriter(c.Stdout, c.Stderr)
	set(merged, spawnMergeStderr)
	set(c.Stderr == nil, spawnNullStderr)
	if c.User != nil {
		s.flags |= spawnUser
		s.user = *c.User
	}
	return s, s.check()
}

// sameWriter reports whether two writers are one. Types that cannot be
// compared are never one.
func sameWriter(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a == b
}

func (s *spawnRequest) check() error {
	switch {
	case len(s.args) == 0 || s.args[0] == "":
		return errors.New("command: no program named")
	case len(s.args) > maxArgs:
		return fmt.Errorf("command %q: %d arguments, at most %d", s.args[0], len(s.args), maxArgs)
	case len(s.env) > maxArgs:
		return fmt.Errorf("command %q: %d environment variables, at most %d", s.args[0], len(s.env), maxArgs)
	case len(s.user.Groups) > maxGroups:
		return fmt.Errorf("command %q: %d groups, at most %d", s.args[0], len(s.user.Groups), maxGroups)
	}
	size := 0
	for _, list := range [][]string{s.args, s.env, {s.dir}} {
		for _, str := range list {
			if strings.IndexByte(str, 0) >= 0 {
				return fmt.Errorf("command %q: NUL byte in %q", s.args[0], str)
			}
			size += 4 + len(str)
		}
	}
	if size > maxSpawn-64-4*maxGroups {
		return fmt.Errorf("command %q: arguments and environment of %d bytes, at most %d", s.args[0], size, maxSpawn-64-4*maxGroups)
	}
	return nil
}

func (s *spawnRequest) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, s.flags)
	b = le.AppendUint16(b, s.size.Rows)
	b = le.AppendUint16(b, s.size.Columns)
	b = le.AppendUint32(b, s.user.UID)
	b = le.AppendUint32(b, s.user.GID)
	b = le.AppendUint16(b, uint16(len(s.user.Groups)))
	for _, g := range s.user.Groups {
		b = le.AppendUint32(b, g)
	}
	str := func(v string) {
		b = le.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	str(s.dir)
	for _, list := range [][]string{s.args, s.env} {
		b = le.AppendUint32(b, uint32(len(list)))
		for _, v := range list {
			str(v)
		}
	}
	return b
}

// decodeSpawn reads what encode wrote. It allocates no more than a small
// multiple of len(b), whatever b says.
func decodeSpawn(b []byte) (*spawnRequest, error) {
	d := fieldReader{b: b}
	s := &spawnRequest{flags: d.uint32()}
	s.size = WinSize{Rows: d.uint16(), Columns: d.uint16()}
	s.user = User{UID: d.uint32(), GID: d.uint32()}
	groups := int(d.uint16())
	if groups > maxGroups {
		return nil, fmt.Errorf("command: %d groups: %w", groups, errGarbage)
	}
	for range groups {
		s.user.Groups = append(s.user.Groups, d.uint32())
	}
	s.dir = d.string()
	s.args = d.strings()
	s.env = d.strings()
	switch {
	case d.short:
		return nil, fmt.Errorf("command cut off at %d bytes: %w", len(b), errGarbage)
	case len(d.b) != 0:
		return nil, fmt.Errorf("command with %d bytes behind it: %w", len(d.b), errGarbage)
	case s.flags&^spawnFlags != 0:
		return nil, fmt.Errorf("command flags %#x: %w", s.flags, errGarbage)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", err, errGarbage)
	}
	return s, nil
}

// fieldReader takes fields off the front of b; once b was too short all
// further fields are zero.
type fieldReader struct {
	b     []byte
	short bool
}

func (d *fieldReader) take(n uint32) []byte {
	if d.short || uint64(n) > uint64(len(d.b)) {
		d.short = true
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *fieldReader) uint16() uint16 {
	if p := d.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (d *fieldReader) uint32() uint32 {
	if p := d.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (d *fieldReader) uint64() uint64 {
	if p := d.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (d *fieldReader) string() string { return string(d.take(d.uint32())) }

func (d *fieldReader) strings() []string {
	n := d.uint32()
	if n > maxArgs {
		d.short = true
	}
	var list []string
	for i := uint32(0); i < n && !d.short; i++ {
		list = append(list, d.string())
	}
	return list
}
