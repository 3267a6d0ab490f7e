// Package i8042 is the keyboard controller of a PC as far as it resets the
// processor, which is the oldest way to reboot one.
//
// There is no keyboard and no mouse, and a kernel that looks for them is to
// find out at once: STATUS says for ever that a byte is waiting, as it does
// where there is no controller, but also that the controller takes commands,
// so that nobody waits before a reset.
package i8042
