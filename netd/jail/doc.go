// Package jail holds a user-mode network's process away from its host, but for
// the host's network, which is what the process is for.
//
// What it does, in this order, each as far as the process may:
//
//   - Limits of descriptors and of memory, and no core dump.
//   - The root becomes an empty file system of a mount namespace of its own, in
//     which there is nothing but the name servers' addresses (resolv.conf), and
//     nothing can be written. The namespace must be there already (package spawn).
//   - Root becomes the user nobody (65534). All capabilities go, and supplementary
//     groups.
//   - No privilege comes by running a program, and no other process may look into
//     this one.
//   - Landlock allows that one file, and no signals to other processes, nor
//     abstract sockets of theirs.
//   - Seccomp allows the system calls that a network needs, sockets of TCP and UDP
//     among them but none that listen or are bound to a port. Any other call ends
//     the process.
package jail
