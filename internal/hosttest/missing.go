package hosttest

import (
	"os"
	"os/exec"
	"testing"
)

// Missing ends a test for want of something of the host's, and says what: as
// skipped or, in continuous integration (CI is set), which should have it, as
// failed.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("missing: "+format, args...)
	}
	t.Skipf("missing: "+format, args...)
}

// Need is the path of a program that a test runs. Where there is none the test is
// ended by Missing, with the Debian package that has it.
func Need(t testing.TB, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, "%s: install %s", program, debian)
	}
	return path
}
