// Package faultproxy stands between the two sides of a move (docs/migration-protocol.md),
// for tests, and does to their connections what networks do: at a frame of a type, or after
// so many bytes of a memory connection, it cuts, closes one way, stands still, becomes
// slow, changes a bit, or sends all again on a connection of its own. It reads the frames'
// heads by the protocol's page and not with Hull's own reader, which it is to judge.
package faultproxy
