// Package netd is a network in user mode for one guest: a gateway with DHCP, name
// service and address translation, in a process that has no privilege. What the
// guest connects to, this process connects to in its stead; ports that are
// published lead the other way.
//
// The guest is 10.0.2.15 in 10.0.2.0/24; the gateway, which is the name server
// as well, is 10.0.2.2. Packets to loopback and link-local addresses go nowhere,
// so that a guest reaches neither services that listen for the host itself nor a
// cloud's metadata service. With Config.HostLoopback, 10.0.2.254 is the host's
// loopback.
package netd
