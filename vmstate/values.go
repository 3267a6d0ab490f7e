package vmstate

import "encoding/binary"

// Values are names, versions and values of the sections without checksums, which
// a fuzzer can change without being refused for those.
func (s *State) Values() []byte {
	var b []byte
	for _, sec := range s.sections {
		b = append(b, byte(len(sec.name)))
		b = append(b, sec.name...)
		b = append(b, byte(sec.version))
		value := sec.value[:min(len(sec.value), 1<<16-1)]
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
	}
	return b
}

// FromValues makes a state of what Values gave, as far as it can be one.
func FromValues(b []byte) *State {
	s := New()
	cut := func(n int) []byte {
		n = min(n, len(b))
		part := b[:n]
		b = b[n:]
		return part
	}
	for len(b) > 0 {
		sec := &section{name: string(cut(int(cut(1)[0])))}
		if v := cut(1); len(v) == 1 {
			sec.version = uint16(v[0])
		}
		if n := cut(2); len(n) == 2 {
			sec.value = cut(int(binary.LittleEndian.Uint16(n)))
		}
		_ = s.insert(sec) // one that cannot be is left out
	}
	return s
}
