// Package handoff decides who may run a machine while it moves from one host to
// another: one state machine for each side, without input or output.
//
// A Source or Target is told what happened (an Event) and answers what is to be
// done, in that order (a list of actions). Whoever drives one does so from one
// goroutine, and keeps five promises:
//
//   - Actions are done in their order. A message goes onto the newest control
//     connection of the session; where there is none, or it breaks, it is lost.
//   - WriteRecord is answered by exactly one of WriteDone, WriteFailed and
//     WriteUnclear before the next is begun. WriteDone is said of a record that a
//     loss of power leaves in place, WriteFailed only where the one before it is
//     certainly still there, or none if there was none.
//   - A record that is found after a start goes through RestoreSource or
//     RestoreTarget before anybody lets the machine run or answers for it, and one
//     at a time has a session: who restores holds the instance's lock.
//   - Where Source.Owner or Target.Owner is not Here, nobody starts the instance: no
//     restart policy and no command.
//   - While Unwritten says so, Retry is given every few seconds.
//
// Events that have no place in a state change nothing, whatever the peer sent. The
// rules are in docs/migration-protocol.md; what is proved of them, and how, in
// docs/migration-model.md.
package handoff
