// Package net is the virtio network device (virtio 1.2, section 5.1): an
// Ethernet card whose cable is a [Backend], such as a tap or a socket.
//
// Frames go between guest memory and the backend's descriptor in one system
// call, without a copy: a received frame is read into as many of the driver's
// buffers as it needs, at once. Each queue has a goroutine that waits for the
// driver, or for the descriptor, and for nothing else: a card without traffic
// wakes nobody up. Where the backend is a tap, the kernel's vhost-net can serve
// the queues instead, without the monitor.
//
// A card that is loaded from a saved state goes on with what its driver set. Who is
// on the network learns of its new place by [Device.Announce].
//
// What the driver says about a frame is copied, checked, and rebuilt before the
// host's kernel sees it.
package net
