// Package applets names the commands of the guest's shell program, hull-shell:
// the initrd has a link for each, and a test of hull-shell holds the list
// against the commands that are there.
package applets

import "slices"

// Program is the name of the multi-call program in the guest's /bin.
const Program = "hull-shell"

var names = []string{
	"basename", "cat", "chmod", "clear", "cp", "date", "dd", "df", "dirname",
	"dmesg", "echo", "env", "false", "find", "free", "grep", "halt", "head",
	"hexdump", "hostname", "hull-facts", "id", "kill", "ln", "ls", "lsmod", "mkdir", "mount",
	"mv", "nproc", "poweroff", "printenv", "ps", "pwd", "reboot", "rm", "rmdir",
	"seq", "sh", "shutdown", "sleep", "sort", "stty", "sync", "tail", "tee",
	"touch", "true", "tty", "umount", "uname", "uniq", "uptime", "wc", "which",
	"yes",
}

// Names returns the commands, sorted.
func Names() []string { return slices.Clone(names) }
