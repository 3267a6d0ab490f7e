// Package peripherals turns the devices of a machine's description into virtio
// devices: it opens what stands behind them (disk images, taps, sockets, shared
// folders and the processes that serve them), makes the devices, and closes it
// all again when the machine has ended.
package peripherals
