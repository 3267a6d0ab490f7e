package cpuid

import (
	"fmt"
	"strings"

	"github.com/hullvm/hull/kvm"
)

// featureWord is a register of a leaf in which each bit is a feature.
type featureWord struct {
	function, index uint32
	register        string
	of              func(kvm.CPUIDEntry) uint32
	dynamic         uint32 // bits that follow what the guest's kernel turns on
}

func eax(e kvm.CPUIDEntry) uint32 { return e.EAX }
func ebx(e kvm.CPUIDEntry) uint32 { return e.EBX }
func ecx(e kvm.CPUIDEntry) uint32 { return e.ECX }
func edx(e kvm.CPUIDEntry) uint32 { return e.EDX }

// featureWords are the features that software finds by CPUID (Intel SDM volume 2,
// CPUID; AMD APM volume 3, appendix E; KVM's leaf by Linux's virt/kvm/x86/cpuid.rst).
var featureWords = []featureWord{
	{leafFeatures, 0, "ECX", ecx, 1 << 27}, // OSXSAVE
	{leafFeatures, 0, "EDX", edx, 1 << 9},  // APIC, which the guest can turn off
	{leafExtended, 0, "EBX", ebx, 0},
	{leafExtended, 0, "ECX", ecx, 1 << 4}, // OSPKE
	{leafExtended, 0, "EDX", edx, 0},
	{leafExtended, 1, "EAX", eax, 0},
	{leafExtended, 1, "EDX", edx, 0},
	{leafXSave, 0, "EAX", eax, 0},
	{leafXSave, 0, "EDX", edx, 0},
	{leafXSave, 1, "EAX", eax, 0},
	{leafXSave, 1, "ECX", ecx, 0},
	{leafHypervisor + 1, 0, "EAX", eax, 0},
	{leafExtFeatures, 0, "ECX", ecx, 0},
	{leafExtFeatures, 0, "EDX", edx, 1 << 9},
	{0x80000007, 0, "EDX", edx, 0},
	{leafAddressSizes, 0, "EBX", ebx, 0},
	{0x80000021, 0, "EAX", eax, 0},
}

// Compatible says why a vCPU on which CPUID answered saved cannot go on where it
// answers here; nil where it can: it finds each feature that it found before.
func Compatible(saved, here []kvm.CPUIDEntry) error {
	vendor, host := entry(saved, leafVendor, 0), entry(here, leafVendor, 0)
	if vendor.EBX != host.EBX || vendor.ECX != host.ECX || vendor.EDX != host.EDX {
		return fmt.Errorf("its processors are %s, and this host's are %s", vendorName(vendor), vendorName(host))
	}
	var missing []string
	for _, w := range featureWords {
		lost := w.of(entry(saved, w.function, w.index)) &^ w.of(entry(here, w.function, w.index)) &^ w.dynamic
		for bit := range 32 {
			if lost>>bit&1 != 0 {
				missing = append(missing, fmt.Sprintf("%#x.%d %s bit %d", w.function, w.index, w.register, bit))
			}
		}
	}
	if len(missing) > 0 {
		const most = 8
		more := ""
		if n := len(missing) - most; n > 0 {
			missing, more = missing[:most], fmt.Sprintf(", and %d more", n)
		}
		return fmt.Errorf("its processors have features that this host's lack (CPUID %s%s): a named cpu.model can move between more hosts", strings.Join(missing, ", "), more)
	}
	bits, most := entry(saved, leafAddressSizes, 0).EAX&0xff, entry(here, leafAddressSizes, 0).EAX&0xff
	if bits > most {
		return fmt.Errorf("its processors have physical addresses of %d bits, and this host's of %d", bits, most)
	}
	return nil
}

// entry is the answer of a leaf; zero where there is none.
func entry(entries []kvm.CPUIDEntry, function, index uint32) kvm.CPUIDEntry {
	for _, e := range entries {
		if e.Function == function && (e.Flags&kvm.CPUIDSignificantIndex == 0 || e.Index == index) {
			return e
		}
	}
	return kvm.CPUIDEntry{}
}

// vendorName is the vendor's name that leaf 0 spells, as far as it can be shown.
func vendorName(e kvm.CPUIDEntry) string {
	var b []byte
	for _, r := range []uint32{e.EBX, e.EDX, e.ECX} {
		b = append(b, byte(r), byte(r>>8), byte(r>>16), byte(r>>24))
	}
	return fmt.Sprintf("%q", b)
}
