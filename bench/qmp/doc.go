// Package qmp tells a QEMU that benchmarks measure what to do.
package qmp
