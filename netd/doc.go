// Package netd is a network in user mode for one guest: a gateway with DHCP, name
// service and address translation, in a process that has no privilege. What the
// guest connects to, this process connects to in its stead; ports that are
// published lead the other way. docs/networks.md says what users may rely on.
//
// The guest is 10.0.2.15 in 10.0.2.0/24; the gateway, which is the name server
// as well, is 10.0.2.2. There is no IPv6.
//
// The guest is not trusted. Its frames pass a filter first (frames.go), so that
// the TCP/IP code behind it, which is gVisor's, sees only IPv4 and ARP of the
// guest's own addresses. Where a connection or datagram goes is for one policy to
// say (policy.go). Everything that the guest can have many of has a limit
// (limits.go), and nothing that it does is written to a log.
package netd
