package measure

import (
	"os"
	"testing"
)

func TestALineOfKiBIsBytes(t *testing.T) {
	if n, err := kibIn("VmPTEs:\t 1 kB\nVmPTE:\t     276 kB\nVmSwap:\t 0 kB\n", "VmPTE"); err != nil || n != 276<<10 {
		t.Errorf("got %d, %v", n, err)
	}
	for _, bad := range []string{"", "VmPTE: 1\n", "VmPTE: x kB\n", "VmPTE: -1 kB\n", "VmPTE: 99999999999999 kB\n"} {
		if n, err := kibIn(bad, "VmPTE"); err == nil {
			t.Errorf("%q became %d", bad, n)
		}
	}
}

func TestThisProcessHasPageTablesAndTheHostMemory(t *testing.T) {
	if n, err := PageTables(os.Getpid()); err != nil || n <= 0 {
		t.Errorf("page tables: %d, %v", n, err)
	}
	if n, err := Available(); err != nil || n <= 0 {
		t.Errorf("available: %d, %v", n, err)
	}
}
