// Package cpuid decides what the CPUID instruction answers in a guest: what the
// host and KVM support, less what Hull does not virtualise, as a named model
// where asked, and with the topology that the machine's description gives.
//
// Leaves are those of the Intel SDM, volume 2, CPUID, and the AMD APM, volume 3,
// appendix E.
package cpuid
