package acpi

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// nameSeg is one segment of a name, padded with underscores.
type nameSeg [4]byte

// Names that the specification gives a meaning, section 5.6.8.
var (
	nameBBN = nameSeg{'_', 'B', 'B', 'N'} // base bus number
	nameCID = nameSeg{'_', 'C', 'I', 'D'} // compatible id
	nameCRS = nameSeg{'_', 'C', 'R', 'S'} // current resources
	nameDDN = nameSeg{'_', 'D', 'D', 'N'} // DOS device name
	nameGPE = nameSeg{'_', 'G', 'P', 'E'} // general-purpose events
	nameHID = nameSeg{'_', 'H', 'I', 'D'} // hardware id
	namePRT = nameSeg{'_', 'P', 'R', 'T'} // PCI interrupt routing table
	nameS5  = nameSeg{'_', 'S', '5', '_'} // soft off
	nameSB  = nameSeg{'_', 'S', 'B', '_'} // system bus
	nameSEG = nameSeg{'_', 'S', 'E', 'G'} // PCI segment
	nameSTA = nameSeg{'_', 'S', 'T', 'A'} // status
	nameUID = nameSeg{'_', 'U', 'I', 'D'} // unique id
)

// parseNameSeg reads a name segment of 1 to 4 characters.
func parseNameSeg(s string) (nameSeg, error) {
	if len(s) < 1 || len(s) > 4 {
		return nameSeg{}, fmt.Errorf("name %q: want 1 to 4 characters", s)
	}
	seg := nameSeg{'_', '_', '_', '_'}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c == '_':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return nameSeg{}, fmt.Errorf("name %q: want A-Z, 0-9 and _, no digit first", s)
		}
		seg[i] = s[i]
	}
	return seg, nil
}

// checkHardwareID accepts an EISA id, three letters and four hexadecimal
// digits, and an ACPI id, which has four letters or digits before them
// (section 6.1.5).
func checkHardwareID(id string) error {
	if len(id) == 7 || len(id) == 8 {
		vendor, product := id[:len(id)-4], id[len(id)-4:]
		others := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		if len(id) == 8 {
			others += "0123456789"
		}
		if strings.Trim(vendor, others) == "" && strings.Trim(product, "0123456789ABCDEF") == "" {
			return nil
		}
	}
	return fmt.Errorf("hardware id %q: want the form ABC0123 or ABCD0123, in capitals", id)
}

// amlHardwareID encodes an id that checkHardwareID has accepted: an EISA id as
// its compressed number, any other as it is.
func amlHardwareID(id string) []byte {
	if len(id) != 7 {
		return amlString(id)
	}
	return amlInteger(uint64(eisaID(id)))
}

// eisaID packs an EISA id into the number that ASL's EisaId makes of it: five
// bits a letter and four a digit, the bytes in the order of the text (section
// 19.3.4).
func eisaID(id string) uint32 {
	product, _ := strconv.ParseUint(id[3:], 16, 16)
	v := uint32(product)
	for i, shift := range []int{26, 21, 16} {
		v |= uint32(id[i]-'@') & 0x1f << shift
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return binary.LittleEndian.Uint32(b[:])
}
