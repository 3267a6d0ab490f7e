// Package virtq is virtqueues over guest memory, seen from the device: split
// rings (virtio 1.2, section 2.7) and packed rings (section 2.8).
//
// A [Queue] belongs to one goroutine at a time. It reads each descriptor once,
// into a [Chain] of its own, and checks the copy: addresses are checked where
// memory is used, by mem.Guest; lengths, loops and indices here. What is under
// way at a time is bounded by the ring, and a chain by 1024 descriptors and
// 4 GiB, whatever the driver says. A driver that breaks the rules of a ring gets
// a [BrokenError], after which the queue gives nothing more.
//
// Taking a request and giving it back allocates nothing once a Chain's slices
// have grown.
package virtq
