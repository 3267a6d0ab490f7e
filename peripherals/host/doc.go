// Package host opens what stands behind the devices of a machine's description:
// disk images, taps, sockets, files, and the processes that serve shared folders
// and user-mode networks. The devices are made of that by package peripherals, in
// this process or in one that may open nothing.
package host
