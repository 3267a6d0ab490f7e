// Package supervisor is what hull-supervisor does: it looks after one instance
// from its start to its end. It opens what stands behind the machine's devices,
// starts the monitor in its jail and its control group, keeps the guest's console
// and all that Hull has to say in the log, writes down where the instance stands,
// and starts it again where the policy says so.
//
// It holds the instance's "alive" lock from first to last, and is the only one to
// write the state meanwhile. Whoever wants something of a live instance asks it,
// over a unix socket ([Client]). When it is killed, the monitor ends, and so do
// the processes beside it; the next who looks at the instance finds the lock free.
//
// One goroutine owns the state ([Supervisor.Run]). Requests reach it through a
// channel, are answered once, and only when what they changed is on the disk.
package supervisor
