// Package manager looks after the instances of this host: machines that were
// created, run in the background under a supervisor each, and are looked into,
// changed and removed.
//
// There is no daemon. An instance is a directory (package store), its supervisor a
// process that holds a lock in it, and a Manager no more than a way to both: any
// number of them, in any number of processes, may be at work at once. The command
// line and `hull serve` stand on the same Engine.
package manager
