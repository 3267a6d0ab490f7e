// Package jail holds a file server in the directory that it serves.
//
// What it does, in this order, each as far as the process may:
//
//   - The directory becomes the root of a mount namespace of the process's own,
//     where there is nothing else: no device can be opened there and no program
//     run, and nothing written where the share is read-only. The namespace must be
//     there already (Unshare).
//   - All capabilities go but those by which root owns and changes files as a
//     guest says; without root, all go. So do supplementary groups.
//   - No privilege comes by running a program, and no other process may look into
//     this one.
//   - Landlock allows files beneath the directory alone, no network, and no
//     signals to other processes.
//   - Seccomp allows the system calls that serving files needs, and answers EPERM
//     to all others.
//
// /proc/self/fd stays within reach, for that is how a descriptor is opened again:
// as a mount of its own, from which there is no way up.
package jail
