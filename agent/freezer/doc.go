// Package freezer stops all processes of a guest but the agent, and lets them go
// on: by the freezer of cgroup2 (Linux, Documentation/admin-guide/cgroup-v2.rst,
// "cgroup.freeze"), which nothing escapes that a process started, and which no
// process can tell from a slow machine.
package freezer
