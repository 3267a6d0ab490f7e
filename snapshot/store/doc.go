// Package store keeps snapshots on disk. Each is a directory of its own:
//
//	NAME/manifest.json   what the snapshot says of itself (package snapshot)
//	NAME/machine.toml    the description of the machine
//	NAME/state           the machine's state (package vmstate)
//	NAME/memory          the guest's RAM (package memfile), and beside it
//	NAME/memory.sums     its checksums
//	NAME/memory.map      which pages it has; of an incremental snapshot only
//	NAME/memory.order    what is used first after a restore; may be missing
//	NAME/lock            shared (flock) by who uses the snapshot, alone by who removes it
//	.tmp-NAME-*          a snapshot that is being taken, its lock held
//	.rm-NAME-*           a snapshot that is being removed
//	.lock                held while a snapshot begins to be taken, or leftovers go
//
// Files are on the disk before a snapshot has its name, and it comes and goes by a
// rename: whatever process is killed, each snapshot is there whole or is not there.
// What a killed process leaves has a lock that nobody holds, and goes when the store
// is opened again. Nothing in a snapshot but memory.order is written again.
//
// A machine that was restored has the memory file mapped, and needs its directory
// no more: the snapshot can be removed, and the disk has the space back when the last
// of such machines has ended.
package store
