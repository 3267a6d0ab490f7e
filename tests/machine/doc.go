// Package machine has nothing but tests: they boot a stock kernel with its root
// on a disk, and hold whole machines, with all their devices, to what users do
// with them.
//
// The test binary is also a program in the guest, guestside: it does there what
// a test wants done. A test drives its machine through the agent.
package machine
