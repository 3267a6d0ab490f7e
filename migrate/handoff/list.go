package handoff

import "fmt"

// name is the word for a value of a closed list whose first is 1.
func name[T ~uint8](words []string, value T) string {
	if value < 1 || int(value) > len(words) {
		return fmt.Sprintf("%T(%d)", value, uint8(value))
	}
	return words[value-1]
}

// value is the other way round; false where no value has that name.
func value[T ~uint8](words []string, text []byte) (T, bool) {
	for i, w := range words {
		if w == string(text) {
			return T(i + 1), true
		}
	}
	return 0, false
}
