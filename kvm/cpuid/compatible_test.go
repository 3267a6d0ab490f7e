package cpuid

import (
	"strings"
	"testing"

	"github.com/hullvm/hull/kvm"
)

func TestCompatible(t *testing.T) {
	host := []kvm.CPUIDEntry{
		{Function: leafVendor, EBX: 0x68747541, EDX: 0x69746e65, ECX: 0x444d4163},
		{Function: leafFeatures, ECX: 0b1110, EDX: 0xff},
		{Function: leafExtended, Flags: kvm.CPUIDSignificantIndex, Index: 0, EBX: 0xff},
		{Function: leafExtended, Flags: kvm.CPUIDSignificantIndex, Index: 1, EAX: 0b1},
		{Function: leafAddressSizes, EAX: 48},
	}
	for want, change := range map[string]func(saved []kvm.CPUIDEntry){
		"":                           func([]kvm.CPUIDEntry) {},
		"\x00":                       func(s []kvm.CPUIDEntry) { s[1].ECX = 0b0110 | 1<<27 }, // fewer, and one that the kernel turned on
		`are "GenuineIntel", and th`: func(s []kvm.CPUIDEntry) { s[0].EBX, s[0].EDX, s[0].ECX = 0x756e6547, 0x49656e69, 0x6c65746e },
		"0x1.0 ECX bit 0":            func(s []kvm.CPUIDEntry) { s[1].ECX = 1 },
		"0x7.1 EAX bit 4":            func(s []kvm.CPUIDEntry) { s[3].EAX = 1 << 4 },
		"and 24 more":                func(s []kvm.CPUIDEntry) { s[1].ECX = 0; s[2].EDX = ^uint32(0) },
		"addresses of 52 bits":       func(s []kvm.CPUIDEntry) { s[4].EAX = 52 },
	} {
		saved := append([]kvm.CPUIDEntry(nil), host...)
		change(saved)
		err := Compatible(saved, host)
		if want = strings.Trim(want, "\x00"); want == "" {
			if err != nil {
				t.Errorf("refused: %v", err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}
