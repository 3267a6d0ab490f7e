// Package migration has nothing but tests: they move machines between hosts, with the
// commands that users have, and hold moves to what users want of them. A machine under
// load (package guestload) must not notice, whatever happens to the network and to
// processes there is never more than one of it, and who loses leaves nothing behind.
//
// Most tests have both hosts in one kernel (world_test.go): each has folders, a network
// namespace and control groups of its own, and the link between them is a real one, which
// tc shapes and package faultproxy breaks. TestBetweenHosts has two lab hosts with kernels
// of their own, and runs outside of them.
package migration
