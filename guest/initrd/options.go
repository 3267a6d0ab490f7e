package initrd

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/guest/applets"
)

const (
	// maxFile bounds one file of the archive, in bytes. The format's own limit
	// is 4 GiB - 1.
	maxFile = 1 << 30

	// maxTotal bounds the content of all files, in bytes.
	maxTotal = 2 << 30

	// maxName is the longest path in the archive; the kernel skips records with
	// names beyond PATH_MAX.
	maxName = 4000

	// moduleDir is where the modules lie in the archive, each as NAME.ko.
	moduleDir = "/lib/modules"
)

// Options say what goes into an initrd.
type Options struct {
	// Agent is the host's path of the program that becomes /init; it has to be
	// statically linked.
	Agent string

	// Shell is the host's path of hull-shell, or empty for an initrd without
	// commands.
	Shell string

	// Modules are the kernel modules in load order. They are stored under
	// /lib/modules and become Config.Modules, which has to be empty.
	Modules []Module

	// Config is the agent's job.
	Config bootconf.Config

	// Files are added to the archive; they may not name what the builder itself
	// puts there, except that they replace files under /etc and directories.
	Files []File

	// Compression packs the archive; the zero value leaves it as it is, which
	// is fastest to build and to boot. A [Cache] packs nothing.
	Compression Compression
}

// Module is one kernel module on the host.
type Module struct {
	// Name is the module's name, without directory and suffix.
	Name string

	// Path is the decompressed module on the host.
	Path string

	// SHA256 is what the file has to hold, in hexadecimal, where that is known: a
	// [Cache] then finds its archive without reading the file.
	SHA256 string

	// Params and Optional are as in [bootconf.Module].
	Params   string
	Optional bool
}

// File is one entry of the archive. Exactly one of Source, Data, Link and Dir
// is set; an empty regular file has Data that is empty and not nil.
type File struct {
	// Path is absolute in the guest. Missing parents are made, mode 0755.
	Path string

	// Mode is the permission bits, and fs.ModeSticky, fs.ModeSetuid or
	// fs.ModeSetgid. Zero means 0644 for files and 0755 for directories; links
	// have none.
	Mode fs.FileMode

	Source string // a regular file on the host, its content is read
	Data   []byte // the content itself
	Link   string // the target of a symbolic link
	Dir    bool   // a directory

	sum string // SHA-256 of Source in hexadecimal, or empty
}

// Compression is how the archive is packed.
type Compression int

// The kernel unpacks gzip since long, and zstd since 5.9, where its
// configuration has CONFIG_RD_GZIP and CONFIG_RD_ZSTD.
const (
	None Compression = iota
	Gzip
	Zstd
)

func (c Compression) suffix() string {
	switch c {
	case Gzip:
		return ".cpio.gz"
	case Zstd:
		return ".cpio.zst"
	default:
		return ".cpio"
	}
}

// Linux's numbers of the device nodes that exist before devtmpfs does
// (Documentation/admin-guide/devices.txt).
type device struct {
	path         string
	mode         fs.FileMode
	major, minor uint64
}

// The kernel opens /dev/console for PID 1 before it runs it; the others serve
// an agent whose devtmpfs could not be mounted.
var devices = []device{
	{"/dev/console", 0o600, 5, 1},
	{"/dev/kmsg", 0o644, 1, 11},
	{"/dev/null", 0o666, 1, 3},
	{"/dev/tty", 0o666, 5, 0},
	{"/dev/zero", 0o666, 1, 5},
}

// base is the tree that every initrd has.
func base() []File {
	return []File{
		{Path: "/bin", Dir: true},
		{Path: "/dev", Dir: true},
		{Path: "/etc", Dir: true},
		{Path: "/mnt", Dir: true},
		{Path: "/proc", Dir: true},
		{Path: "/root", Dir: true, Mode: 0o700},
		{Path: "/run", Dir: true},
		{Path: "/sys", Dir: true},
		{Path: "/tmp", Dir: true, Mode: 0o777 | fs.ModeSticky},
		{Path: "/var", Dir: true},
		{Path: "/etc/passwd", Data: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{Path: "/etc/group", Data: []byte("root:x:0:\nnogroup:x:65534:\n")},
		{Path: "/etc/hosts", Data: []byte("127.0.0.1 localhost\n::1 localhost\n")},
	}
}

// sharedFiles lists what machines with the same programs and modules share, but
// for the device nodes, in no order.
func (o *Options) sharedFiles() ([]File, error) {
	if o.Agent == "" {
		return nil, errors.New("initrd: agent: no program given")
	}
	files := append(
		base(),
		File{Path: "/init", Source: o.Agent, Mode: 0o755},
		File{Path: "/bin/hull-agent", Link: "/init"},
	)
	for _, m := range o.Modules {
		if m.Name == "" || strings.ContainsAny(m.Name, "/\x00") || m.Name[0] == '.' {
			return nil, fmt.Errorf("initrd: module %q: not the name of a module", m.Name)
		}
		files = append(files, File{Path: m.inGuest(), Source: m.Path, Mode: 0o644, sum: m.SHA256})
	}
	if o.Shell != "" {
		files = append(files, File{Path: "/bin/" + applets.Program, Source: o.Shell, Mode: 0o755})
		for _, name := range applets.Names() {
			files = append(files, File{Path: "/bin/" + name, Link: applets.Program})
		}
	}
	return files, nil
}

// inGuest is where the module lies in the archive.
func (m *Module) inGuest() string { return path.Join(moduleDir, m.Name+".ko") }

// job is the file that tells the agent what to do.
func (o *Options) job() (File, error) {
	conf := o.Config
	if len(conf.Modules) != 0 {
		return File{}, errors.New("initrd: configuration: modules are listed both there and in the options")
	}
	for _, m := range o.Modules {
		conf.Modules = append(conf.Modules, bootconf.Module{Path: m.inGuest(), Params: m.Params, Optional: m.Optional})
	}
	text, err := bootconf.Encode(conf)
	if err != nil {
		return File{}, fmt.Errorf("initrd: %w", err)
	}
	return File{Path: bootconf.Path, Data: text, Mode: 0o600}, nil
}

func (f *File) validate() error {
	kinds := 0
	for _, set := range []bool{f.Source != "", f.Data != nil, f.Link != "", f.Dir} {
		if set {
			kinds++
		}
	}
	bad := func(why string) error { return fmt.Errorf("initrd: file %q: %s", f.Path, why) }
	switch {
	case !strings.HasPrefix(f.Path, "/") || path.Clean(f.Path) != f.Path || f.Path == "/":
		return bad("not a clean absolute path")
	case strings.ContainsRune(f.Path, 0) || len(f.Path) > maxName:
		return bad("not a path that a kernel takes")
	case f.Path == "/TRAILER!!!":
		return bad("the name that ends an archive")
	case kinds != 1:
		return bad("not exactly one of source, data, link and directory")
	case f.Mode&^(fs.ModePerm|fs.ModeSticky|fs.ModeSetuid|fs.ModeSetgid) != 0:
		return bad("mode has bits other than permissions")
	case strings.ContainsRune(f.Link, 0) || len(f.Link) > maxName:
		return bad("not a link target that a kernel takes")
	}
	return nil
}
