// Package snapshots has nothing but tests: they hold snapshots, restores and clones to
// what users want of them, with the engine, supervisors and jailed monitors that users
// have.
//
// The test binary is also the load of package guestload.
package snapshots
