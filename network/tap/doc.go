// Package tap is network interfaces whose other end is a process: a frame that
// the host sends to a tap is read from a descriptor, and one that is written to
// the descriptor comes from the tap (Documentation/networking/tuntap.rst of
// Linux).
//
// The descriptors are all that a monitor needs: whoever opens them and sets the
// tap up hands them over, and the monitor does without a privilege.
package tap
