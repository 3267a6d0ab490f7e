package main

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountFlags are the options of mount(8) that are flags of mount(2).
var mountFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV,
	"noexec": unix.MS_NOEXEC, "sync": unix.MS_SYNCHRONOUS, "remount": unix.MS_REMOUNT,
	"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME,
	"strictatime": unix.MS_STRICTATIME, "bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC,
	"private": unix.MS_PRIVATE, "shared": unix.MS_SHARED, "slave": unix.MS_SLAVE,
	"rprivate": unix.MS_PRIVATE | unix.MS_REC, "rshared": unix.MS_SHARED | unix.MS_REC, "rslave": unix.MS_SLAVE | unix.MS_REC,
	"move": unix.MS_MOVE, "rw": 0, "defaults": 0,
}

func parseMountOptions(options string) (flags uintptr, data string) {
	var rest []string
	for word := range strings.SplitSeq(options, ",") {
		if flag, ok := mountFlags[word]; ok {
			flags |= flag
		} else if word != "" {
			rest = append(rest, word)
		}
	}
	return flags, strings.Join(rest, ",")
}

func mount(c *call) int {
	f := c.flags("[-t TYPE] [-o OPTIONS] [-r] [--bind] SOURCE DIRECTORY")
	kind := f.String("t", "", "`type` of the file system; without it those are tried that the kernel has")
	options := f.String("o", "", "`options`, separated by commas")
	readOnly := f.Bool("r", false, "read only")
	bind := f.Bool("bind", false, "another place for a directory")
	if !c.parse(f) {
		return 2
	}
	if f.NArg() == 0 {
		return listMounts(c)
	}
	flags, data := parseMountOptions(*options)
	if *readOnly {
		flags |= unix.MS_RDONLY
	}
	if *bind {
		flags |= unix.MS_BIND
	}
	source, dir := f.Arg(0), f.Arg(1)
	if f.NArg() == 1 && flags&(unix.MS_REMOUNT|unix.MS_PRIVATE|unix.MS_SHARED|unix.MS_SLAVE) != 0 {
		source, dir = "none", source
	} else if f.NArg() != 2 {
		return c.usage("[-t TYPE] [-o OPTIONS] SOURCE DIRECTORY")
	}
	if err := mountAny(source, dir, *kind, flags, data); err != nil {
		return c.failf("%s on %s: %w", source, dir, err)
	}
	return 0
}

// mountAny mounts with the type given, or tries those of the kernel.
func mountAny(source, dir, kind string, flags uintptr, data string) error {
	if kind != "" || flags&(unix.MS_REMOUNT|unix.MS_BIND|unix.MS_MOVE|unix.MS_PRIVATE|unix.MS_SHARED|unix.MS_SLAVE) != 0 {
		return unix.Mount(source, dir, kind, flags, data)
	}
	err := error(unix.ENODEV)
	for line := range strings.Lines(readSmall("/proc/filesystems")) {
		if strings.HasPrefix(line, "nodev") {
			continue
		}
		if err = unix.Mount(source, dir, strings.TrimSpace(line), flags, data); err == nil || err == unix.ENOENT || err == unix.EBUSY {
			return err
		}
	}
	return err
}

func listMounts(c *call) int {
	for line := range strings.Lines(readSmall("/proc/self/mounts")) {
		f := strings.Fields(line)
		if len(f) >= 4 {
			fmt.Fprintf(c.out, "%s on %s type %s (%s)\n", unescapeMount(f[0]), unescapeMount(f[1]), f[2], f[3])
		}
	}
	return 0
}

// unescapeMount undoes the octal escapes of proc(5).
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func umount(c *call) int {
	f := c.flags("[-l] [-f] DIRECTORY...")
	lazy := f.Bool("l", false, "now from the tree, the rest when nobody uses it any more")
	force := f.Bool("f", false, "even if its server does not answer")
	if !c.parse(f) {
		return 2
	}
	if f.NArg() == 0 {
		return c.usage("[-l] [-f] DIRECTORY...")
	}
	flags := 0
	if *lazy {
		flags |= unix.MNT_DETACH
	}
	if *force {
		flags |= unix.MNT_FORCE
	}
	status := 0
	for _, dir := range f.Args() {
		if err := unix.Unmount(dir, flags); err != nil {
			status = c.failf("%s: %w", dir, err)
		}
	}
	return status
}

func df(c *call) int {
	f := c.flags("[-a] [DIRECTORY...]")
	all := f.Bool("a", false, "also those without a size")
	if !c.parse(f) {
		return 2
	}
	fmt.Fprintf(c.out, "%-20s %12s %12s %12s %4s %s\n", "Filesystem", "KiB", "Used", "Available", "Use%", "Mounted on")
	status := 0
	show := func(source, dir string) {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			status = c.failf("%s: %w", dir, err)
			return
		}
		if st.Blocks == 0 && !*all && f.NArg() == 0 {
			return
		}
		unit := uint64(max(st.Bsize, 1))
		kib := func(blocks uint64) uint64 { return blocks * unit / 1024 }
		used := st.Blocks - min(st.Bfree, st.Blocks)
		percent := uint64(0)
		if used+st.Bavail > 0 {
			percent = (used*100 + used + st.Bavail - 1) / (used + st.Bavail)
		}
		fmt.Fprintf(c.out, "%-20s %12d %12d %12d %3d%% %s\n", source, kib(st.Blocks), kib(used), kib(st.Bavail), percent, dir)
	}
	if f.NArg() > 0 {
		for _, dir := range f.Args() {
			show("-", dir)
		}
		return status
	}
	for line := range strings.Lines(readSmall("/proc/self/mounts")) {
		if fields := strings.Fields(line); len(fields) >= 2 {
			show(unescapeMount(fields[0]), unescapeMount(fields[1]))
		}
	}
	return status
}
