package configs

import (
	"crypto/sha256"
	"fmt"
)

// checkDevices is the rules of devices, and of those together.
func (m *Machine) checkDevices(r *report) {
	m.checkDisks(r)
	m.checkNets(r)
	m.checkShares(r)
	m.checkMounts(r)
	m.Vsock.check(r)
	m.Balloon.check(m.Memory.Size, r)
	m.RNG.check(r)
	m.Console.check(m.Serial.Output, r)
	if n := m.PCIDevices(); n > maxPCIDevices && r.ok("disk", "net", "share") {
		r.add("disk", nil, fmt.Sprintf("disks, network devices, shares and the others are %d together, and the bus has room for %d", n, maxPCIDevices),
			"attach fewer")
	}
}

// HasPCI reports whether the machine has a device on a PCI bus, and so has one.
func (m *Machine) HasPCI() bool { return m.PCIDevices() > 0 }

// PCIDevices is how many devices the machine has on its PCI bus.
func (m *Machine) PCIDevices() int {
	n := len(m.Disks) + len(m.Nets) + len(m.Shares)
	for _, has := range []bool{m.Vsock.Path != "", m.Balloon.Enabled, m.RNG.Enabled, m.Console.Output != SerialNone} {
		if has {
			n++
		}
	}
	return n
}

func checkDeviceName(at, name string, most int, r *report) {
	if !r.ok(at) {
		return
	}
	if name == "" {
		r.add(at, nil, "must be given", "name the device")
		return
	}
	if !isName(name, most, "._-") {
		r.add(at, name, fmt.Sprintf("must be 1 to %d of a-z A-Z 0-9 . _ -, the first a letter or digit", most), "give it another name")
	}
}

func checkGivenPath(at, p, remedy string, r *report) {
	if r.ok(at) && p == "" {
		r.add(at, nil, "must be given", remedy)
		return
	}
	checkHostPath(at, p, r)
}

// checkUnique notes a value that an earlier element of the array has too.
func checkUnique(seen map[string]int, at, value, array string, i int, r *report) {
	if value == "" || !r.ok(at) {
		return
	}
	if first, twice := seen[value]; twice {
		r.add(at, value, "is that of "+index(array, first)+" too", "take another")
		return
	}
	seen[value] = i
}

// checkRate notes a burst without a rate, and rates below 0.
func checkRate(at, what string, rate, burst int64, r *report) {
	rateAt, burstAt := at+"."+what+"_per_second", at+"."+what+"_burst"
	if !r.ok(rateAt, burstAt) {
		return
	}
	switch {
	case rate < 0:
		r.add(rateAt, rate, "must be 0 or more", "0 is no limit")
	case burst < 0:
		r.add(burstAt, burst, "must be 0 or more", "0 stands for a tenth of a second's worth")
	case burst > 0 && rate == 0:
		r.add(burstAt, burst, "means nothing without "+what+"_per_second", "remove it")
	}
}

// checkOutput notes a path that the output has no use for, or lacks.
func checkOutput(section string, output SerialOutput, path string, r *report) {
	word(section+".output", output, outputWords, r)
	if !r.ok(section+".output", section+".path") {
		return
	}
	switch {
	case output == SerialFile && path == "":
		r.add(section+".path", nil, `must be given where `+section+`.output is "file"`, "name the file")
	case output != SerialFile && path != "":
		r.add(section+".path", path, `means nothing unless `+section+`.output is "file"`, `remove it, or set `+section+`.output to "file"`)
	default:
		checkHostPath(section+".path", path, r)
	}
}

// macFrom makes a locally administered address of a text, the same each time.
func macFrom(text string) [6]byte {
	sum := sha256.Sum256([]byte(text))
	mac := [6]byte(sum[:6])
	mac[0] = mac[0]&^3 | 2
	return mac
}
