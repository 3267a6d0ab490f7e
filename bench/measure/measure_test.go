package measure

import "testing"

func TestSpread(t *testing.T) {
	for _, k := range []struct {
		values         []float64
		low, mid, high float64
		ok             bool
	}{
		{[]float64{5, 1, 3, 2}, 1, 2.5, 5, true},
		{[]float64{7, 9, 8}, 7, 8, 9, true},
		{[]float64{4}, 4, 4, 4, true},
		{nil, 0, 0, 0, false},
	} {
		low, mid, high, ok := Spread(k.values)
		if low != k.low || mid != k.mid || high != k.high || ok != k.ok {
			t.Errorf("%v: got %v, %v, %v, %v", k.values, low, mid, high, ok)
		}
	}
}

func TestPercentile(t *testing.T) {
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(100-i))
	}
	for _, k := range []struct {
		values  []float64
		p, want float64
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{[]float64{3, 1, 2}, 99, 3},
		{[]float64{3, 1, 2}, 50, 2},
		{nil, 50, 0},
	} {
		if got := Percentile(k.values, k.p); got != k.want {
			t.Errorf("%v%% of %d values: %v, want %v", k.p, len(k.values), got, k.want)
		}
	}
}

func TestWatcherSeesAWordCutInTwo(t *testing.T) {
	w := NewWatcher("BENCH-READY")
	for _, part := range []string{"noise BENCH", "-REA", "DY and more"} {
		select {
		case <-w.Seen():
			t.Error("seen too early")
		default:
		}
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-w.Seen():
	default:
		t.Error("not seen")
	}
}

func TestThreadsSwitchesAreCounted(t *testing.T) {
	got, err := threadOf("Name:\tCPU 0/KVM\nState:\tS (sleeping)\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n")
	if err != nil || got != (Thread{Switches: 15}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "Name:\tx\nvoluntary_ctxt_switches:\t12\n", "voluntary_ctxt_switches:\tx\n"} {
		if _, err := threadOf(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestSwitchedTellsVirtualCPUsFromOthers(t *testing.T) {
	before := map[int]Thread{1: {10, false}, 2: {100, true}, 4: {7, false}}
	after := map[int]Thread{1: {11, false}, 2: {150, false}, 3: {4, false}, 5: {2, true}}
	if all, others := Switched(before, after); all != 57 || others != 5 {
		t.Errorf("all %d, others %d", all, others)
	}
}

func TestAThreadInAGuestIsKnownByItsCall(t *testing.T) {
	for call, want := range map[string]bool{
		"16 0x1f 0xae80 0x0 0x0 0x0 0x0 0x7ffc 0x7f1c\n": true,
		"16 0x1f 0xae41 0x0 0x0 0x0 0x0 0x7ffc 0x7f1c\n": false,
		"202 0x1 0xae80 0x0\n":                           false,
		"running\n":                                      false,
		"":                                               false,
	} {
		if got := inGuest(call); got != want {
			t.Errorf("%q: %v", call, got)
		}
	}
}

func TestInCell(t *testing.T) {
	if got := InCell(" a | b\n\tc "); got != `a \| b c` {
		t.Errorf("got %q", got)
	}
}
