package cpuid

import (
	"fmt"
	"slices"
	"strings"
)

// Model names a set of instructions.
type Model string

// The models. A guest of a named model can run on every host that has what the
// model names.
const (
	Host Model = "host"      // all that this host has
	V2   Model = "x86-64-v2" // x86-64 psABI, micro-architecture levels
	V3   Model = "x86-64-v3"
)

type register int

const (
	regEBX register = iota
	regECX
	regEDX
)

// feature is one bit of a leaf.
type feature struct {
	name string
	leaf uint32
	reg  register
	bit  uint
}

// Instructions that the models name, by the psABI's levels.
var (
	levelV2 = []feature{
		{"cx16", leafFeatures, regECX, 13},
		{"lahf_lm", leafExtFeatures, regECX, 0},
		{"popcnt", leafFeatures, regECX, 23},
		{"sse3", leafFeatures, regECX, 0},
		{"ssse3", leafFeatures, regECX, 9},
		{"sse4_1", leafFeatures, regECX, 19},
		{"sse4_2", leafFeatures, regECX, 20},
	}
	levelV3 = append([]feature{
		{"avx", leafFeatures, regECX, 28},
		{"avx2", leafExtended, regEBX, 5},
		{"bmi1", leafExtended, regEBX, 3},
		{"bmi2", leafExtended, regEBX, 8},
		{"f16c", leafFeatures, regECX, 29},
		{"fma", leafFeatures, regECX, 12},
		{"lzcnt", leafExtFeatures, regECX, 5},
		{"movbe", leafFeatures, regECX, 22},
		{"xsave", leafFeatures, regECX, 26},
	}, levelV2...)
)

// What every model keeps beside its instructions, where the host has it: what a
// kernel uses and no program depends on.
const (
	keepECX1    = 1<<17 | ecx1X2APIC | ecx1TSCDeadline | 1<<27 | 1<<30 | ecx1Hypervisor // pcid, osxsave, rdrand
	keepEBX7    = 1<<0 | 1<<1 | 1<<7 | 1<<9 | 1<<10 | 1<<20                             // fsgsbase, tsc_adjust, smep, erms, invpcid, smap
	keepECXExt  = ecxCmpLegacy | ecxTopoExt
	xcrX87SSE   = 1<<0 | 1<<1
	xcrAVX      = 1 << 2
	avxAreaEnd  = 832 // bytes of the XSAVE area with AVX: 512 + 64 + 256
	sseAreaEnd  = 576
	keepECX7    = 1 << 2                                // umip
	keepEDX7    = 1<<10 | 1<<26 | 1<<27 | 1<<29 | 1<<31 // md_clear, and what the mitigations are driven by
	avxSubleaf  = 2
	xsaveoptBit = 1 << 0
)

// apply reduces the table to a model, or says what the host lacks for it.
func (t *Table) apply(m Model) error {
	var level []feature
	switch m {
	case Host, "":
		return nil
	case V2:
		level = levelV2
	case V3:
		level = levelV3
	default:
		return fmt.Errorf("CPU model %q: there is %s, %s and %s", m, Host, V2, V3)
	}
	var missing []string
	keep := map[uint32]*[3]uint32{
		leafFeatures:    {regECX: keepECX1, regEBX: ^uint32(0), regEDX: ^uint32(0)},
		leafExtended:    {regEBX: keepEBX7, regECX: keepECX7, regEDX: keepEDX7},
		leafExtFeatures: {regECX: keepECXExt, regEBX: ^uint32(0), regEDX: ^uint32(0)},
	}
	for _, f := range level {
		if !t.has(f) {
			missing = append(missing, f.name)
		}
		keep[f.leaf][f.reg] |= 1 << f.bit
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("CPU model %q: this host lacks %s", m, strings.Join(missing, ", "))
	}
	for leaf, mask := range keep {
		if e := t.find(leaf, 0); e != nil {
			e.EBX &= mask[regEBX]
			e.ECX &= mask[regECX]
			e.EDX &= mask[regEDX]
		}
	}
	if e := t.find(leafExtended, 0); e != nil {
		e.EAX = 0 // no subleaves
	}
	t.limitXSave(m == V3)
	return nil
}

func (t *Table) has(f feature) bool {
	e := t.find(f.leaf, 0)
	if e == nil {
		return false
	}
	value := [3]uint32{regEBX: e.EBX, regECX: e.ECX, regEDX: e.EDX}[f.reg]
	return value&(1<<f.bit) != 0
}
