// Package wire is what two hosts say to each other when a machine moves: the bytes
// that begin a connection, its frames, and the messages in them. docs/migration-protocol.md
// is the protocol; this package knows none of its phases.
//
// A peer is not believed. A frame's length is held against its type's limit, memory is
// taken as bytes arrive, both checksums and the frame's number have to be right, and a
// message is read only where it is written the one way that it can be: no field
// that is not known, none twice, none missing, none out of range. A connection on
// which anything was wrong gives nothing more.
package wire
