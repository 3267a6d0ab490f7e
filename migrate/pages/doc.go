// Package pages moves a guest's memory over several connections at once, in epochs:
// one is a pass over the pages that are to be sent. docs/migration-protocol.md, section
// Memory, is the format.
//
// Pages are numbered in the order of the machine's slots, and each always goes over the
// same connection, so that one goroutine a connection is all the order that is needed:
// what it sends of a page later arrives later. Memory may change while it is read. What
// changes is in a log of the machine's, and is sent again in another epoch, the last of
// which is of a machine that is held.
//
// A sender is in the source's monitor, a receiver in the target's, which believes
// nothing of what it reads. Nothing is allocated for a page, or on a peer's word.
package pages
