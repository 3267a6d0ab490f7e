package acpi

import "fmt"

// Generation is where a guest finds the 16 bytes that change when the machine is
// another one than before, and how it hears of it: Microsoft's Virtual Machine
// Generation ID.
type Generation struct {
	Addr uint64 // a multiple of 8, in memory that the guest does not use itself
	GPE  uint8  // the general-purpose event that says they have changed
}

// generationID is the _CID that the specification gives; ACPICA, and so Linux,
// reads it in capitals. It is longer than an id may be: beside it stands the one
// that Hyper-V gives for that reason.
const (
	generationID      = "VM_Gen_Counter"
	generationShortID = "VMGENCTR"
	generationHID     = "HULL0001"
)

// notifyChanged is what the specification has a guest notified with.
const notifyChanged = 0x80

var (
	nameGeneration = nameSeg{'V', 'G', 'E', 'N'}
	nameADDR       = nameSeg{'A', 'D', 'D', 'R'}
)

func (g *Generation) check(p *Power) error {
	switch {
	case g.Addr == 0 || g.Addr%8 != 0:
		return fmt.Errorf("address %#x: want a multiple of 8", g.Addr)
	case int(g.GPE) >= int(p.GPE0Size)/2*8:
		return fmt.Errorf("general-purpose event %d: there are %d", g.GPE, int(p.GPE0Size)/2*8)
	}
	return nil
}

// device is the device whose ADDR a driver asks for.
func (g *Generation) device() []byte {
	return amlDevice(nameGeneration,
		amlName(nameHID, amlHardwareID(generationHID)),
		amlName(nameCID, amlPackage(amlString(generationShortID), amlString(generationID))),
		amlName(nameDDN, amlString(generationID)),
		amlName(nameADDR, amlPackage(amlInteger(g.Addr&0xffff_ffff), amlInteger(g.Addr>>32))),
	)
}

// event is the method that the event calls (section 5.6.4.1). Edge-triggered, as
// _E says, has the status cleared before the call: what changes during the call
// calls again.
func (g *Generation) event() []byte {
	name := nameSeg([]byte(fmt.Sprintf("_E%02X", g.GPE)))
	return amlMethod(name, amlNotify(nameSB, nameGeneration, notifyChanged))
}
