// Package listener opens what a server of the API listens on, and judges who is at
// the other end: a unix socket whose peers the kernel names, sockets that systemd
// hands over, and TCP with certificates on both sides.
package listener
