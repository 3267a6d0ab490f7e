package configs

import (
	"testing"

	"github.com/hullvm/hull/mem"
)

func TestLimitsAreThoseOfGuestMemory(t *testing.T) {
	if MaxMemory != mem.MaxSize {
		t.Errorf("most memory: %v here, %v in mem", Size(MaxMemory), Size(mem.MaxSize))
	}
	if pageSize != mem.PageSize {
		t.Errorf("page size: %d here, %d in mem", pageSize, mem.PageSize)
	}
	if HugePages2MiB != mem.HugePage2M || HugePages1GiB != mem.HugePage1G {
		t.Error("huge pages differ from mem's")
	}
}
