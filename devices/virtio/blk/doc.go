// Package blk is the virtio block device (virtio 1.2, section 5.2) in front of a
// [Backend]: several queues, flush and cache mode, discard and write-zeroes,
// limits of requests and bytes per second.
//
// Each queue has one goroutine, which takes requests and checks a copy of them.
// What a backend can do at once, such as a read of what the host has cached, it
// does there and then ([Immediate]). All else gets a goroutine of its own, up to
// Config.Workers at a time. Backends are called synchronously: one that hands
// requests to the kernel in another way, such as an io_uring, lets the goroutine
// wait, which costs no thread.
//
// Data goes between backend and guest memory without a copy in between.
package blk
