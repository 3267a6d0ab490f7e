package cpuid

import "github.com/hullvm/hull/kvm"

// limitXSave leaves of leaf 0xd what a model has: x87, SSE, and AVX where asked.
func (t *Table) limitXSave(avx bool) {
	if !avx {
		t.remove(func(e kvm.CPUIDEntry) bool {
			return e.Function == leafXSave || e.Function == leafExtended && e.Index > 0
		})
		return
	}
	t.remove(func(e kvm.CPUIDEntry) bool {
		return e.Function == leafXSave && e.Index > avxSubleaf || e.Function == leafExtended && e.Index > 0
	})
	if e := t.find(leafXSave, 0); e != nil {
		e.EAX &= xcrX87SSE | xcrAVX
		e.EBX, e.ECX, e.EDX = sseAreaEnd, avxAreaEnd, 0
	}
	if e := t.find(leafXSave, 1); e != nil && e.Index == 1 {
		e.EAX &= xsaveoptBit
		e.EBX, e.ECX, e.EDX = 0, 0, 0
	}
}
