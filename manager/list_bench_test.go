package manager

import (
	"fmt"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/names"
)

// BenchmarkList lists ten thousand instances: `hull ps -a` but for its table.
func BenchmarkList(b *testing.B) {
	const count = 10_000
	m, err := Open(Dirs{State: b.TempDir(), Run: b.TempDir()}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := range count {
		d := &instance.Description{
			Version: 1, ID: names.NewID(), Name: fmt.Sprintf("n%d", i), Created: time.Now(), Restart: "no", Kernel: "debian-cloud",
			Command: []string{"/bin/sh"}, Machine: "name = 'n'\n[boot]\nkernel = 'debian-cloud'\n",
		}
		if err := m.store.Create(d, nil); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		list, err := m.List(b.Context(), ListOptions{All: true})
		if err != nil || len(list) != count {
			b.Fatalf("%d of %d, %v", len(list), count, err)
		}
	}
}
