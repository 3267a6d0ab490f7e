// Package vhost is the kernel's vhost-net: virtqueues of a network card that the
// host's kernel serves, between guest memory and a tap, without the monitor
// (include/uapi/linux/vhost.h).
//
// It takes split rings. What it writes to guest memory is in no dirty log of the
// monitor's: it has to be stopped where memory is to be tracked.
package vhost
