package agent

import "time"

// ProcessInfo is what the built-in "processes" says of one process.
type ProcessInfo struct {
	PID     int           `json:"pid"`
	PPID    int           `json:"ppid"`
	UID     uint32        `json:"uid"`   // the effective one
	State   string        `json:"state"` // a letter, as ps(1) has it
	CPUTime time.Duration `json:"cpu"`   // nanoseconds, of user and system
	Start   time.Time     `json:"start"`
	RSS     uint64        `json:"rss"`           // bytes
	TTY     string        `json:"tty,omitempty"` // without /dev/
	// Command is the program with its arguments, cut off when it is long; a
	// thread of the kernel's is its name in brackets.
	Command string `json:"command"`
}
