// Package peripherals makes a machine's virtio devices from its description and
// from files that are open already, and closes what stands behind them when the
// machine has ended. It opens nothing: package host does, in this process or in
// another that hands its descriptors over.
package peripherals
