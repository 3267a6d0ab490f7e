package acpi

import (
	"encoding/binary"
	"math"
)

// AML opcodes and prefixes, section 20.3.
const (
	opZero      = 0x00
	opOne       = 0x01
	opName      = 0x08
	opByte      = 0x0a
	opWord      = 0x0b
	opDWord     = 0x0c
	opString    = 0x0d
	opQWord     = 0x0e
	opScope     = 0x10
	opBuffer    = 0x11
	opPackage   = 0x12
	opMethod    = 0x14
	opDualName  = 0x2e
	opExtended  = 0x5b
	opRoot      = 0x5c
	opExtDevice = 0x82 // behind opExtended
	opNotify    = 0x86
)

// amlInteger encodes v in the shortest way (section 20.2.3, ConstObj and
// ComputationalData).
func amlInteger(v uint64) []byte {
	switch {
	case v == 0:
		return []byte{opZero}
	case v == 1:
		return []byte{opOne}
	case v <= math.MaxUint8:
		return []byte{opByte, byte(v)}
	case v <= math.MaxUint16:
		return binary.LittleEndian.AppendUint16([]byte{opWord}, uint16(v))
	case v <= math.MaxUint32:
		return binary.LittleEndian.AppendUint32([]byte{opDWord}, uint32(v))
	}
	return binary.LittleEndian.AppendUint64([]byte{opQWord}, v)
}

// amlString encodes s, which must be ASCII without a NUL.
func amlString(s string) []byte {
	return append(append([]byte{opString}, s...), 0)
}

// amlName is Name (name, object).
func amlName(name nameSeg, object []byte) []byte {
	return join([]byte{opName}, name[:], object)
}

// amlScope is Scope (name) {terms}.
func amlScope(name nameSeg, terms ...[]byte) []byte {
	return amlPackaged([]byte{opScope}, join(name[:], join(terms...)))
}

// amlDevice is Device (name) {terms}.
func amlDevice(name nameSeg, terms ...[]byte) []byte {
	return amlPackaged([]byte{opExtended, opExtDevice}, join(name[:], join(terms...)))
}

// amlPackage is Package (n) {elements}, of at most 255 elements.
func amlPackage(elements ...[]byte) []byte {
	return amlPackaged([]byte{opPackage}, join([]byte{byte(len(elements))}, join(elements...)))
}

// amlMethod is Method (name, 0, NotSerialized) {terms}.
func amlMethod(name nameSeg, terms ...[]byte) []byte {
	return amlPackaged([]byte{opMethod}, join(name[:], []byte{0}, join(terms...)))
}

// amlNotify is Notify (\scope.name, value).
func amlNotify(scope, name nameSeg, value uint64) []byte {
	return join([]byte{opNotify, opRoot, opDualName}, scope[:], name[:], amlInteger(value))
}

// amlBuffer is Buffer (n) {data}.
func amlBuffer(data []byte) []byte {
	return amlPackaged([]byte{opBuffer}, join(amlInteger(uint64(len(data))), data))
}

// amlPackaged puts a package length between an opcode and what it is of.
func amlPackaged(op, body []byte) []byte {
	return join(op, packageLength(len(body)), body)
}

// packageLength encodes the length of a package whose body is n bytes: it
// counts itself too (section 20.2.4). One byte holds 6 bits; of more, the first
// holds 4 and says how many follow. A body too long for four bytes cannot
// arise: the tables have to fit in far less.
func packageLength(n int) []byte {
	if n+1 < 1<<6 {
		return []byte{byte(n + 1)}
	}
	follow := 1
	for ; follow < 3; follow++ {
		if n+1+follow < 1<<(4+8*follow) {
			break
		}
	}
	n += 1 + follow
	out := []byte{byte(follow<<6 | n&0xf)}
	for n >>= 4; follow > 0; follow-- {
		out = append(out, byte(n))
		n >>= 8
	}
	return out
}

// join puts pieces of AML one behind the other.
func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
