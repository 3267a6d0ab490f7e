// Package cgroup is each instance's control group: what an instance may use of
// the host, and what it has used.
//
// The groups of instances lie in one group called hull, together with one leaf
// for the processes that look after instances. Where that lies is found out from
// /proc/self/mountinfo and /proc/self/cgroup: at the root of what is mounted, or
// as near to it as this process may write. Version 2 is taken where it has the
// controllers that limits need, else version 1, in which a group is a directory
// in each controller's tree.
//
// This is code of Hull's own: the library at hand, opencontainers/cgroups, takes
// every tree to be at /sys/fs/cgroup, passes over limits whose controllers are
// missing, and brings a D-Bus client with it.
package cgroup
