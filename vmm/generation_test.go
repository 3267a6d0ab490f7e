package vmm

import (
	"encoding/binary"
	"testing"

	"github.com/hullvm/hull/devices/vmgenid"
	"github.com/hullvm/hull/mem"
)

// generationOf is what a guest reads where the tables send it.
func generationOf(t *testing.T, m *Machine) vmgenid.ID {
	t.Helper()
	var id vmgenid.ID
	if err := m.memory.ReadAt(id[:], mem.GenerationID); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestARenewedMachineIsAnother(t *testing.T) {
	m, other := newBare(t, asmHalt, nil), newBare(t, asmHalt, nil)
	first := generationOf(t, m)
	if first == (vmgenid.ID{}) || first == generationOf(t, other) {
		t.Errorf("the first ID is %x, another machine's %x", first, generationOf(t, other))
	}
	status := func() uint32 {
		var p [4]byte
		m.platform.ports.Read(0x620, p[:]) // GPE0_STS, acpi.DefaultPower
		return binary.LittleEndian.Uint32(p[:])
	}
	if status() != 0 {
		t.Errorf("GPE0_STS is %#x at the start", status())
	}
	if err := m.RenewGeneration(); err != nil {
		t.Fatal(err)
	}
	if second := generationOf(t, m); second == first || second != m.platform.generation.ID() {
		t.Errorf("the ID was %x and is %x", first, second)
	}
	if want := uint32(1) << generation.GPE; status() != want {
		t.Errorf("GPE0_STS is %#x, want %#x", status(), want)
	}
}
