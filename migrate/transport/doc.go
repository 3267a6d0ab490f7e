// Package transport has the connections over which a machine moves: TCP with TLS 1.3 and
// certificates on both sides, plain TCP, or a unix socket. It greets, sorts what comes to a
// target by its first frame, keeps a connection for control alive, and turns any
// connection into a descriptor for a process that may have nothing else.
//
// A listener gives no stranger more than one of a few places for a few seconds, and the
// place of who has waited longest to who comes next. All waits have a limit that is an option.
package transport
