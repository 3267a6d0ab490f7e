// Package pvpanic is the port by which a guest's kernel says that it has
// panicked, as QEMU's docs/specs/pvpanic describes it and Linux's pvpanic
// driver uses it.
package pvpanic
