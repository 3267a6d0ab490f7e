// Package vmstate is how the state of a machine is written down: sections with a
// name and a version each, which say what they are made of.
//
// A file is a header and sections, integers little-endian:
//
//	header   magic "HULLSTAT", u16 format (1), u16 0, u32 sections, u32 CRC
//	section  u16 length of the name, u16 version, u16 flags (bit 0: optional),
//	         u16 0, u32 length of the value, u32 CRC, name, value
//
// A CRC is CRC-32C (Castagnoli): the header's of the 16 bytes before it, a
// section's of all of the section but itself. A value is CBOR (RFC 8949), a map
// with a number for each field; a number is never used again for something else.
//
// What a reader does not know it refuses: a section, unless that is optional; a
// version that is newer than its own; a field. Lengths are held against what is
// there before memory is taken for them.
package vmstate
