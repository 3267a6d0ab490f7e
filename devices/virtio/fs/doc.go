// Package fs is a virtio file system device (virtio 1.2, section 5.11): a
// directory that a file server shares with the guest.
//
// The device does not know what a file is. It takes FUSE requests off its queues,
// looks at the length and the name in each header, and relays the request to a
// file server over a socket (package internal/fswire), straight from guest
// memory; replies go straight back into it. The server is another process
// (hull-fsd), which never sees guest memory.
//
// # Who does what
//
//	driver ──queue──> worker ──┐               ┌─> receiver ──queue──> driver
//	driver ──queue──> worker ──┴─> socket ─────┘
//
// A worker for each queue sends requests; one receiver for the device completes
// them, in whatever order the replies come. Each request under way has a slot,
// and the server says how many there are: a worker waits for a free one.
//
// # When the server goes
//
// All requests under way, and all later ones, fail with ENOTCONN, and the device
// goes on: the guest gets errors, and does not hang. There is no way to give the
// device another server yet.
//
// # Pausing
//
// Pause stops taking requests and waits for the replies to those under way. If
// the server owes one for longer than Config.PauseDeadline, that is reported, and
// the device pauses all the same: the reply waits in the socket until Resume. Such
// a device cannot be saved.
//
// # Saving
//
// A device can be saved while the guest has not mounted it: between FUSE_INIT and
// FUSE_DESTROY the guest knows files by numbers that only their server understands,
// and there is another server where the state is loaded.
package fs
