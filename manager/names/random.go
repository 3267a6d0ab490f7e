package names

import (
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"strconv"
)

// plainTries is how many names are tried without a digit.
const plainTries = 10

// New invents a name, as brave_turing, that is not taken. Where many are it adds
// digits, more with each try, and so finds one as long as taken says no at all.
func New(taken func(string) bool) string {
	for n := 0; ; n++ {
		name := adjectives[mathrand.IntN(len(adjectives))] + "_" + surnames[mathrand.IntN(len(surnames))]
		if n >= plainTries {
			name += strconv.Itoa(mathrand.IntN(10 * (n - plainTries + 1)))
		}
		if !taken(name) {
			return name
		}
	}
}

// NewID is an id that nobody has or can guess: 64 hexadecimal digits.
func NewID() string {
	var b [idLength / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
