// Package rng is the virtio entropy device (virtio 1.2, section 5.4): one queue,
// whose buffers it fills with random bytes, where they lie in guest memory. No
// copy of them stays on the host.
package rng
