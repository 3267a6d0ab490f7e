// Package passthrough serves a directory of the host to a guest as a FUSE file
// system.
//
// # Names and descriptors
//
// A path is never looked up. A node that the guest knows is an O_PATH descriptor;
// a name is looked up as one component beneath its parent's descriptor, with
// openat2(2) and without following a symbolic link of any kind, so there is no
// way out of the directory whatever is renamed meanwhile. Symbolic links are
// given to the guest as text, and it follows them in its own tree. To read or
// write a file, its O_PATH descriptor is opened again through /proc/self/fd, and
// only if it is a regular file or a directory: what else lies on the host
// (devices, fifos, sockets) can be seen, named, renamed and removed by the guest,
// and made as far as it is a fifo or a socket, but never opened.
//
// The guest holds a descriptor for each name it remembers. Their number is
// bounded (Options.MaxOpen). When there are no more, READDIRPLUS stops looking
// names up, which makes the guest do so only where it has to, and every other
// request that needs one fails with ENFILE until the guest forgets some.
//
// # Who is who
//
// The guest's kernel checks permissions (virtio-fs mounts always have
// default_permissions). Where the server may change its identity, what is made
// belongs to the guest's user and group that asked; all else is done with the
// server's own rights. Where it may not, everything that is made belongs to the
// server's user.
//
// # What is left to the guest
//
// Locks (flock and fcntl) answer ENOSYS, which keeps them local to the guest: two
// guests, or a guest and the host, do not see each other's. POSIX ACLs, DAX,
// ioctl and poll are not there.
package passthrough
