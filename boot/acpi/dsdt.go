package acpi

// dsdt is the Differentiated System Description Table (section 5.2.11.1): the
// way to power off, and the devices. Processors are in the MADT alone, and the
// power button is fixed hardware, so neither has an object here.
func dsdt(c *Config) []byte {
	var devices [][]byte
	for _, d := range c.Devices {
		devices = append(devices, amlPlatformDevice(d))
	}
	if c.PCI != nil {
		devices = append(devices, amlPCI(c.PCI)...)
	}
	var events [][]byte
	if c.Generation != nil {
		devices = append(devices, c.Generation.device())
		events = append(events, c.Generation.event())
	}
	// \_S5 is what to write to SLP_TYPa and SLP_TYPb (section 7.4.2.6).
	sleep := amlInteger(uint64(c.Power.SleepTypeS5))
	aml := join(
		amlName(nameS5, amlPackage(sleep, sleep, amlInteger(0), amlInteger(0))),
		amlScope(nameSB, devices...),
	)
	if events != nil {
		aml = join(aml, amlScope(nameGPE, events...))
	}
	return table("DSDT", dsdtRevision, aml)
}

// dsdtRevision 2 makes integers 64 bits wide.
const dsdtRevision = 2

func amlPlatformDevice(d Device) []byte {
	name, _ := parseNameSeg(d.Name) // check has seen it
	terms := [][]byte{
		amlName(nameHID, amlHardwareID(d.HID)),
		amlName(nameUID, amlInteger(uint64(d.UID))),
	}
	if d.Status != 0 {
		terms = append(terms, amlName(nameSTA, amlInteger(uint64(d.Status))))
	}
	var resources [][]byte
	for _, p := range d.Ports {
		resources = append(resources, ioPorts(p))
	}
	for _, irq := range d.IRQs {
		resources = append(resources, interrupt(irq))
	}
	if resources != nil {
		terms = append(terms, amlName(nameCRS, resourceTemplate(resources...)))
	}
	return amlDevice(name, terms...)
}
