// Package netdtest has what tests of a user-mode network need: a guest with a
// TCP/IP of its own on the network's socket, and a world to reach, which is made
// of network namespaces.
package netdtest
