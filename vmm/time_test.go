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

func TestTheTimeBetweenTwoHosts(t *testing.T) {
	const now = int64(1_700_000_000_000_000_000)
	for _, test := range []struct {
		saved, now int64
		want       uint64
	}{
		{now, now, 0},
		{now, now + 1, 1},
		{now, now + int64(longestGap), uint64(longestGap)},
		{now, now + int64(longestGap) + 1, 0},
		{now, now - 1, 0},
		{0, now, 0},
		{-1, math.MaxInt64, 0},
		{math.MinInt64, math.MaxInt64, 0},
		{math.MaxInt64, now, 0},
		{now, math.MinInt64, 0},
	} {
		if got := elapsed(test.saved, test.now); got != test.want {
			t.Errorf("from %d to %d: %d, want %d", test.saved, test.now, got, test.want)
		}
	}
}

func TestRatesOfTimeStampCounters(t *testing.T) {
	for _, test := range []struct {
		saved, here uint32
		scales      bool
		scaled, ok  bool
	}{
		{2_000_000, 2_000_000, false, false, true},
		{2_000_500, 2_000_000, true, false, true}, // 250 parts per million
		{2_000_501, 2_000_000, false, false, false},
		{2_000_501, 2_000_000, true, true, true},
		{0, 2_000_000, true, false, false},
		{math.MaxUint32, 1, true, true, true},
	} {
		scaled, err := compareTSC(test.saved, test.here, test.scales)
		if scaled != test.scaled || (err == nil) != test.ok {
			t.Errorf("%+v: scaled %v, %v", test, scaled, err)
		}
	}
}
