package guesttest

import (
	"os"
	"testing"
)

// unmendedVariable is what `hull lab` sets for commands in a host whose emulator
// is not mended.
const unmendedVariable = "HULL_LAB_UNMENDED"

// MayWriteCR8 is false in a lab host whose emulator is not mended. That emulator
// aborts, and the host is gone, when a guest writes to CR8 while KVM waits for it
// to take an interrupt (docs/lab.md, "The emulator's mends"). No other KVM has
// the bug.
func MayWriteCR8() bool { return os.Getenv(unmendedVariable) == "" }

// RequireCR8 skips a test that needs [MayWriteCR8].
func RequireCR8(t testing.TB) {
	t.Helper()
	if !MayWriteCR8() {
		t.Skip("the lab host's emulator is not mended: it would abort at the guest's write to CR8")
	}
}
