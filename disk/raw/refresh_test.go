package raw

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/disk/hostfile"
)

func TestAFileThatItsOwnerMakesLonger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := hostfile.Open(path, hostfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	image := Open(f, false)
	defer image.Close()
	if err := os.Truncate(path, 8192+100); err != nil {
		t.Fatal(err)
	}
	if n := image.Size(); n != 4096 {
		t.Errorf("it has %d bytes before it is told", n)
	}
	if err := image.Refresh(); err != nil {
		t.Fatal(err)
	}
	if n := image.Size(); n != 8192+512 {
		t.Errorf("it has %d bytes, want %d", n, 8192+512)
	}
}
