// Package initrd builds a guest's initial file system: the agent as /init, its
// job (package bootconf), the kernel modules it loads, the shell program with a
// link for each of its commands, and whatever files the caller adds.
//
// The archive is newc cpio (Linux, Documentation/driver-api/early-userspace/
// buffer-format.rst), uncompressed unless asked. Device nodes are only records
// in it, so that no privilege is needed; records are sorted and carry no time,
// owner or device of the host, so that equal inputs give equal bytes.
package initrd
