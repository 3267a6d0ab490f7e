// Package hostfile is a file or block device of the host under a disk image:
// whole transfers at an offset, zeroes and holes, and locks that other
// machines, and QEMU, respect.
package hostfile
