package main

import (
	"github.com/u-root/u-root/pkg/core/cat"
	"github.com/u-root/u-root/pkg/core/chmod"
	"github.com/u-root/u-root/pkg/core/cp"
	"github.com/u-root/u-root/pkg/core/find"
	"github.com/u-root/u-root/pkg/core/mkdir"
	"github.com/u-root/u-root/pkg/core/mv"
	"github.com/u-root/u-root/pkg/core/rm"
	"github.com/u-root/u-root/pkg/core/touch"
)

// commands are all commands by name. guest/applets repeats the names for those
// who make an initrd.
var commands map[string]command

func init() { // "type" and "which" need not refer to it, but "sh" does
	commands = map[string]command{
		"basename":   basename,
		"cat":        core(cat.New),
		"chmod":      core(chmod.New),
		"clear":      clearScreen,
		"cp":         core(cp.New),
		"date":       date,
		"dd":         dd,
		"df":         df,
		"dirname":    dirname,
		"dmesg":      dmesg,
		"echo":       echo,
		"env":        env,
		"false":      func(*call) int { return 1 },
		"find":       core(find.New),
		"free":       free,
		"grep":       grep,
		"halt":       power,
		"head":       head,
		"hexdump":    hexdump,
		"hostname":   hostname,
		"hull-facts": facts,
		"id":         id,
		"kill":       kill,
		"ln":         ln,
		"ls":         ls,
		"lsmod":      lsmod,
		"mkdir":      coreStrict(mkdir.New),
		"mount":      mount,
		"mv":         core(mv.New),
		"nproc":      nproc,
		"poweroff":   power,
		"printenv":   printenv,
		"ps":         ps,
		"pwd":        pwd,
		"reboot":     power,
		"rm":         core(rm.New),
		"rmdir":      rmdir,
		"seq":        seq,
		"sh":         shell,
		"shutdown":   power,
		"sleep":      sleep,
		"sort":       sortLines,
		"stty":       stty,
		"sync":       syncFiles,
		"tail":       tail,
		"tee":        tee,
		"touch":      core(touch.New),
		"true":       func(*call) int { return 0 },
		"tty":        tty,
		"umount":     umount,
		"uname":      uname,
		"uniq":       uniq,
		"uptime":     uptime,
		"wc":         wc,
		"which":      which,
		"yes":        yes,
	}
}
