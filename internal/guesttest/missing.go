package guesttest

import (
	"os"
	"testing"
)

// RequireVariable is set where tests must find what guests need: what is
// missing then fails a test instead of skipping it.
const RequireVariable = "HULL_REQUIRE_KVM"

// Missing ends a test for lack of what: as skipped, or as failed where it should
// have been there.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(RequireVariable) != "" {
		t.Fatalf("missing: %s", what)
	}
	t.Skipf("missing: %s", what)
}
