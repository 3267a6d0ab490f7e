// Package bootconf is the job of a guest's PID 1: a small JSON file that the
// host puts into the initrd and the agent reads there. The host trusts nothing
// it gets back, and the agent trusts nothing it did not understand: a file of
// another version, with an unknown field or with anything behind the object is
// refused.
package bootconf
