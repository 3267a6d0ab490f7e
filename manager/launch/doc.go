// Package launch starts the monitors of a supervisor for real: it finds the
// guest's files, opens what stands behind its devices, and runs hull-vmm in its
// jail and control group.
package launch
