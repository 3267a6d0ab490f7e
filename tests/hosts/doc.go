// Package hosts has nothing but a test: it moves a machine between two hosts that have
// kernels of their own, lab hosts on a network, and drives both from outside of them.
// scripts/migration-hosts.sh starts the hosts, and the test.
package hosts
