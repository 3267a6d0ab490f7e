// Package vsock is the virtio socket device (virtio 1.2, section 5.10): streams
// between ports of the guest and ports of its host, without a network.
//
// The monitor ends the streams itself. What the guest connects to is asked of
// [Device.Listen]'s listeners first and of the [Host] then; who on the host wants
// a port of the guest uses [Device.Dial], or [Device.Join] for a socket that is
// there already. Package unixsock is a host of unix sockets.
//
// Behind every stream stands a socket of this process, whose bytes go to and come
// from guest memory without a copy in between. One goroutine serves all of them
// and the queues: it owns everything in a session, and sleeps in one epoll
// instance, where each source tells of itself once for each change. So nothing is
// locked, nothing spins, and a stream that nobody reads stops itself alone.
//
// Credit (section 5.10.6.3) bounds what is held for a host that does not read:
// the windows of all connections add up to no more than Config.Memory.
//
// Connections do not outlive a saved machine: a driver that is loaded is told of a
// transport reset, and of nothing before it has dealt with that.
package vsock
