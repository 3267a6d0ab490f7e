package lab

import (
	"slices"
	"testing"

	"github.com/hullvm/hull/guest/kernel"
)

func TestTheAgentsModulesComeFirst(t *testing.T) {
	if !slices.Equal(neededModules[:3], []string{"virtio_pci", "virtio_console", "kvm_amd"}) {
		t.Errorf("modules begin with %q", neededModules[:3])
	}
	for _, name := range usefulModules {
		if slices.Contains(neededModules, name) {
			t.Errorf("module %q is in both lists", name)
		}
	}
}

func TestAKernelWithout9pIsRefused(t *testing.T) {
	if _, err := BuildInitrd(t.TempDir(), &kernel.Bundle{Name: "cloud"}, "/bin/true"); err == nil {
		t.Error("no error")
	}
}
