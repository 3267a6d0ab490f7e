// Package guestload is a program for guests of tests, and what a test on the host asks of
// it. The program keeps the guest's processors, memory, disks, streams, clocks and random
// numbers busy, and knows at any moment whether all of them are as they should be: what
// snapshots and moves must not change.
//
// A test's binary is the program too, when it is called [Program].
package guestload
