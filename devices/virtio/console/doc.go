// Package console is the virtio console device (virtio 1.2, section 5.3) with one
// port, which Linux calls hvc0, and a size that its host may change
// (VIRTIO_CONSOLE_F_SIZE).
//
// What the guest sends is kept, up to a bound, and written by a goroutine. A guest
// whose output is not taken waits for it: its buffer is given back when there is
// room. But not for ever, since Linux sends with interrupts off and spins: where an
// output takes nothing for a second, what does not fit is dropped, and counted.
//
// Input is handed over with [Console.Write], which blocks while the guest does not
// offer buffers for it. Nothing runs for it otherwise.
package console
