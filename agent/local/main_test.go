package local

import (
	"os"
	"testing"

	"github.com/hullvm/hull/internal/signaltest"
)

func TestMain(m *testing.M) {
	signaltest.Default()
	os.Exit(m.Run())
}
