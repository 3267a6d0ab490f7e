package vmm

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestCycles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		ns, kHz := random.Uint64()>>random.IntN(64), random.Uint32()
		if i == 0 {
			ns, kHz = math.MaxUint64, math.MaxUint32
		}
		want := new(big.Int).Mul(new(big.Int).SetUint64(ns), big.NewInt(int64(kHz)))
		want.Div(want, big.NewInt(1_000_000))
		if !want.IsUint64() {
			want.SetUint64(math.MaxUint64)
		}
		if got := cycles(ns, kHz); got != want.Uint64() {
			t.Errorf("%d ns at %d kHz: %d, want %v", ns, kHz, got, want)
		}
	}
}
