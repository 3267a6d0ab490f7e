// Package archive moves files of the host in and out of tar archives. What comes
// from a guest is anybody's: nothing is written outside of where it was asked for,
// and what would give a guest power on the host is left out.
package archive
