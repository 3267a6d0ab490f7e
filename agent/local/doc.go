// Package local runs programs on this machine for an agent's clients: with
// pipes or a terminal, in a root directory of their own if asked to, each the
// leader of a session and, where there is cgroup2, alone in a cgroup.
package local
