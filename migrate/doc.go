// Package migrate is the conversation by which a machine moves from one host to
// another: Send on the host that it leaves, Await and Incoming.Run on the one that it
// comes to, as docs/migration-protocol.md has it. Who may run the machine is decided by
// package handoff; what is done about it, by who implements Source and Target.
package migrate
