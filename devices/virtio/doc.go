// Package virtio is what a virtio device and its transport agree on (virtio 1.2,
// https://docs.oasis-open.org/virtio/virtio/v1.2/): the device behind the
// registers, the queues that it is given, the status machine, and the goroutine
// that serves a queue. Transports are packages of their own (virtio/pci), and so
// are devices (virtio/blk, virtio/net, ...).
package virtio
