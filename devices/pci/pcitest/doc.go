// Package pcitest is the guest's side of PCI for tests: a machine's buses with a
// root complex, configuration space as a driver reads it, and MSI-X vectors that
// remember what was done to them.
package pcitest
