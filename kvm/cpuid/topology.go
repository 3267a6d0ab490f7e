package cpuid

import (
	"fmt"
	"math/bits"
)

// MaxAPICID is the greatest local APIC id there may be: 255 addresses all.
const MaxAPICID = 254

// Topology is how vCPUs are grouped. The zero value of a field other than VCPUs
// means 1 thread a core and all cores in one socket.
type Topology struct {
	VCPUs          int
	ThreadsPerCore int
	CoresPerSocket int
}

func (t Topology) complete() Topology {
	t.ThreadsPerCore = max(t.ThreadsPerCore, 1)
	if t.CoresPerSocket <= 0 {
		t.CoresPerSocket = (t.VCPUs + t.ThreadsPerCore - 1) / t.ThreadsPerCore
	}
	t.CoresPerSocket = max(t.CoresPerSocket, 1)
	return t
}

func (t Topology) check() error {
	switch {
	case t.VCPUs < 1:
		return fmt.Errorf("%d vCPUs: at least 1", t.VCPUs)
	case t.ThreadsPerCore > MaxAPICID || t.CoresPerSocket > MaxAPICID || t.VCPUs > MaxAPICID+1:
		return fmt.Errorf("%d vCPUs, %d cores a socket, %d threads a core: local APIC ids end at %d",
			t.VCPUs, t.CoresPerSocket, t.ThreadsPerCore, MaxAPICID)
	}
	if id := t.APICID(t.VCPUs - 1); id > MaxAPICID {
		return fmt.Errorf("%d vCPUs in sockets of %d cores of %d threads: the last has local APIC id %d, the greatest there can be is %d",
			t.VCPUs, t.CoresPerSocket, t.ThreadsPerCore, id, MaxAPICID)
	}
	return nil
}

// field is how many bits of an APIC id tell n things apart.
func field(n int) int { return bits.Len(uint(n - 1)) }

func (t Topology) threadBits() int { return field(t.ThreadsPerCore) }

// packageBits is how many bits tell the threads of a socket apart.
func (t Topology) packageBits() int { return t.threadBits() + field(t.CoresPerSocket) }

// APICID is the local APIC id of a vCPU: fields for thread, core and socket, each
// a power of two wide (Intel SDM volume 3, 9.9.1).
func (t Topology) APICID(index int) uint32 {
	t = t.complete()
	thread := index % t.ThreadsPerCore
	core := index / t.ThreadsPerCore % t.CoresPerSocket
	socket := index / (t.ThreadsPerCore * t.CoresPerSocket)
	return uint32(socket<<t.packageBits() | core<<t.threadBits() | thread)
}

func (t Topology) core(index int) int { return index / t.ThreadsPerCore % t.CoresPerSocket }

func (t Topology) socket(index int) int { return index / (t.ThreadsPerCore * t.CoresPerSocket) }

// threadsPerSocket is what a socket has room for.
func (t Topology) threadsPerSocket() int { return t.ThreadsPerCore * t.CoresPerSocket }
