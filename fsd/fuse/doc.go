// Package fuse is the FUSE protocol (the kernel's include/uapi/linux/fuse.h,
// version 7.38) as a server needs it: what requests hold, and what replies do.
//
// A request is read with a Parse function into a struct of Go's own; ok is false
// where it is too short. Names are checked here: one that is empty, ".", "..", or
// has a slash is never given out. A reply is written into memory that is as large
// as the asker's; nothing is written past it.
package fuse
