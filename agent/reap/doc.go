// Package reap starts processes and learns how they ended. It knows two ways to
// wait: for the processes it started only, as any program may, and for every
// child there is, as PID 1 and the supervisor of a container must, whose
// children are also the orphans of others.
//
// A signal never goes to a stranger: while a process is signalled it cannot be
// reaped, so that its number stays its own.
package reap
