package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// What asks a guest's PID 1 to end the machine in order, as systemd has it:
// SIGRTMIN, which is 34 for everybody but the kernel, and 3, 4 or 5.
const (
	sigHalt     = unix.Signal(34 + 3)
	sigPowerOff = unix.Signal(34 + 4)
	sigReboot   = unix.Signal(34 + 5)
)

// power is poweroff, halt, reboot and shutdown.
func power(c *call) int {
	how := c.name
	if how == "shutdown" {
		how = "poweroff"
	}
	force := false
	for _, arg := range c.args {
		switch arg {
		case "-f":
			force = true
		case "-p", "-P":
			how = "poweroff"
		case "-h", "-H":
			if c.name != "shutdown" { // where it is the same as -P
				how = "halt"
			}
		case "-r":
			how = "reboot"
		case "now":
		default:
			return c.usage("[-f] [-p | -r | -h] [now]")
		}
	}
	sig, command := sigPowerOff, unix.LINUX_REBOOT_CMD_POWER_OFF
	switch how {
	case "halt":
		sig, command = sigHalt, unix.LINUX_REBOOT_CMD_HALT
	case "reboot":
		sig, command = sigReboot, unix.LINUX_REBOOT_CMD_RESTART
	}
	if os.Getpid() == 1 {
		force = true // there is nobody to ask
	}
	if !force {
		if err := unix.Kill(1, sig); err != nil {
			return c.failf("ask PID 1: %w", err)
		}
		return 0
	}
	unix.Sync()
	if err := unix.Reboot(command); err != nil {
		return c.fail(err)
	}
	return 0
}
