package devicestest

import "github.com/hullvm/hull/devices"

// Step is one act of a fuzzed script.
type Step struct {
	Op    byte   // which act; what it means beyond access is the test's
	Off   uint64 // of an access, within the region
	Width int    // of an access: 1, 2, 4 or 8, within the region
	Value [8]byte
}

// stepSize is the bytes of input that make a step.
const stepSize = 4

// Steps cuts a fuzzer's input into steps against r, at most 4096 of them.
// Values are spread from one byte, so that short inputs reach far: the first
// byte is the input's, the others are made from it.
func Steps(r devices.Region, input []byte) []Step {
	var steps []Step
	for ; len(input) >= stepSize && len(steps) < 4096; input = input[stepSize:] {
		s := Step{Op: input[0], Off: uint64(input[1]) % r.Size, Width: 1 << (input[2] & 3)}
		for uint64(s.Width) > r.Size-s.Off {
			s.Width /= 2
		}
		for i := range s.Value {
			s.Value[i] = input[3] ^ byte(i)*(input[2]>>2)
		}
		steps = append(steps, s)
	}
	return steps
}
