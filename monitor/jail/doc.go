// Package jail holds a monitor's process away from its host: whoever breaks out of
// the guest finds descriptors that were handed over, and nothing besides.
//
// What it does, in this order, each as far as the process may:
//
//   - Limits of descriptors, threads, locked memory and message queues, and no core
//     dump.
//   - The root becomes an empty file system of a mount namespace of its own, in
//     which nothing can be made. That namespace, and those of users, processes, the
//     network, System V's objects, the host's name and control groups, must be there
//     already (package spawn).
//   - Root becomes the user nobody (65534), where there is no namespace of users.
//     All capabilities go, and supplementary groups.
//   - No privilege comes by running a program, and no other process may look into
//     this one.
//   - Landlock allows no file, no port, no signals to other processes, and no
//     abstract sockets of theirs.
//   - Seccomp allows the system calls of a table, ioctls by their numbers among them
//     (docs/system-calls.md). Opening a file fails; any other call ends the process.
package jail
