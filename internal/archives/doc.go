// Package archives reads the archives of an initrd as the one file that a kernel
// is given: one after the other, each from a multiple of four bytes on (Linux,
// Documentation/driver-api/early-userspace/buffer-format.rst). Who makes them and
// who loads them are two processes, and both read them by this package.
package archives
