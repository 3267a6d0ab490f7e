package netd

import (
	"os"
	"testing"

	"github.com/hullvm/hull/netd/netdtest"
)

func TestMain(m *testing.M) { os.Exit(netdtest.Main(m)) }
