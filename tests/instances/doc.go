// Package instances tests instances as a whole: the engine, supervisors in processes
// of their own, and monitors that have no machine (monitortest), so that no KVM is
// needed. What guests do in real machines is tests/machine's.
package instances
