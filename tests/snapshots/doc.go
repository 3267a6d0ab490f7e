// Package snapshots has nothing but tests: they hold snapshots, restores and clones to
// what users want of them, with the engine, supervisors and jailed monitors that users
// have.
//
// The test binary is also a program in the guest, guestload: it keeps the guest's
// processors, memory, disks, streams, clocks and random numbers busy, and knows at any
// moment whether all of them are as they should be.
package snapshots
