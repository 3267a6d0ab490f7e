// Package monitortest is a monitor without a machine, for tests of what starts and
// asks monitors where there is no KVM. It is started as hull-vmm is, answers the
// control protocol, and has a guest that counts on its console.
package monitortest
