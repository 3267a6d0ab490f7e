package jail

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/jail"
)

// filter allows what the tables have. Any other call ends the process.
func filter() error {
	c := jail.Calls{Otherwise: jail.Kill}
	for _, call := range Calls() {
		c.Names = append(c.Names, call.Name)
	}
	for _, call := range Refused() {
		c.Refuse = append(c.Refuse, call.Name)
	}
	var numbers []uint32
	for _, r := range Requests() {
		numbers = append(numbers, r.Number)
	}
	c.If = []jail.If{
		{Name: "ioctl", Where: []jail.Condition{jail.OneOf(1, numbers...)}},
		{Name: "prctl", Where: []jail.Condition{jail.OneOf(0, unix.PR_SET_NAME)}},
	}
	return jail.Filter(c)
}
