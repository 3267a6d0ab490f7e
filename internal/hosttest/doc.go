// Package hosttest has what tests ask of the host they run on: that something be
// there, and programs as they are shipped. Tests that need a KVM ask guesttest.
package hosttest
