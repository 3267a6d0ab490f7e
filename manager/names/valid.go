package names

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxName   = 64 // bytes
	idLength  = 64 // hexadecimal digits
	hexDigits = "0123456789abcdef"
	letters   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	nameMarks = letters + "._-"
)

// Valid says what is wrong with a name: it has 1 to 64 letters, digits, dots,
// underscores and hyphens, begins with a letter or a digit, and is no full id.
func Valid(name string) error {
	var err error
	switch {
	case name == "":
		err = errors.New("it is empty")
	case len(name) > maxName:
		err = fmt.Errorf("it has more than %d characters", maxName)
	case strings.ContainsFunc(name, isForeign):
		err = errors.New("it may have letters, digits, '.', '_' and '-' only")
	case !strings.ContainsRune(letters, rune(name[0])):
		err = errors.New("it has to begin with a letter or a digit")
	case IsID(name):
		err = fmt.Errorf("%d hexadecimal digits are an id", idLength)
	}
	if err != nil {
		return fmt.Errorf("name %.80q: %w", name, err)
	}
	return nil
}

func isForeign(r rune) bool { return !strings.ContainsRune(nameMarks, r) }

// IsID says whether s has the form of a full id.
func IsID(s string) bool { return len(s) == idLength && strings.Trim(s, hexDigits) == "" }
