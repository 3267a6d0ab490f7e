// Package netconf sets network devices up as a configuration says: an address
// given, or one asked for by DHCP and renewed for as long as the process lives.
package netconf
