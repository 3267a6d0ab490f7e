// Package calltrace counts the system calls of a process, for tests that hold a
// filter against what is made. It slows the process down a great deal.
package calltrace
