package pci_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
)

// moves writes down what Moved is told.
type moves struct {
	mu   sync.Mutex
	list []string
}

func (m *moves) moved(base uint64, mapped bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	what := "-"
	if mapped {
		what = "+"
	}
	m.list = append(m.list, fmt.Sprintf("%s%x", what, base))
}

func (m *moves) take() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := strings.Join(m.list, " ")
	m.list = nil
	return s
}

func TestBARFollowsItsRegisters(t *testing.T) {
	var log moves
	f := newFunction("f")
	addBAR(t, f, pci.BAR{
		Index: 0, Size: 0x1000, Wide: true, Moved: log.moved,
		Regions: []devices.Region{region("a", 0, 16), region("b", 0x800, 16)},
	})
	m := pcitest.New(t, []*pci.Function{f})
	s := m.Slot(1)
	if got := s.BAR(0); got != pcitest.Window64.Base {
		t.Fatalf("BAR is at %#x", got)
	}
	expect := func(step, moves string) {
		t.Helper()
		if got := log.take(); got != moves {
			t.Errorf("%s: moves %q, want %q", step, got, moves)
		}
	}
	expect("placed", "")

	s.Command(pcitest.Memory, 0)
	expect("decode on", "+10000000000")
	s.Command(pcitest.BusMaster, 0)
	expect("another bit", "")
	pcitest.Write(m.Memory, 1<<40+0x800, 4, 0x12345678)
	if got := pcitest.Read(m.Memory, 1<<40+0x802, 2); got != 0x1234 {
		t.Errorf("reads %#x", got)
	}
	if got := pcitest.Read(m.Memory, 1<<40+0x400, 4); got != 0xffffffff {
		t.Errorf("between regions reads %#x", got)
	}

	s.Write(0x10, 4, 0x5000)
	expect("moved", "-10000000000 +10000005000")
	if got := pcitest.Read(m.Memory, 1<<40+0x5800, 4); got != 0x12345678 {
		t.Errorf("reads %#x after the move", got)
	}
	if got := pcitest.Read(m.Memory, 1<<40+0x800, 4); got != 0xffffffff {
		t.Errorf("old place reads %#x", got)
	}
	s.Write(0x10, 4, 0x5000)
	expect("written again", "")

	s.Command(0, pcitest.Memory)
	expect("decode off", "-10000005000")
	s.Write(0x10, 4, 0xffffffff)
	s.Write(0x10, 4, 0x6000)
	expect("sized while off", "")
	s.Command(pcitest.Memory, 0)
	expect("decode on again", "+10000006000")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	expect("closed", "-10000006000")
	s.Write(0x10, 4, 0x7000)
	expect("written after close", "")
}

func TestBARSizedWhileDecodingComesBack(t *testing.T) {
	f := newFunction("f")
	addBAR(t, f, pci.BAR{Index: 0, Size: 0x1000, Wide: true, Regions: []devices.Region{region("a", 0, 16)}})
	m := pcitest.New(t, []*pci.Function{f})
	s := m.Slot(1)
	s.Command(pcitest.Memory, 0)
	at := s.BAR(0)
	s.SetBAR(0, ^uint64(0))
	s.SetBAR(0, at)
	pcitest.Write(m.Memory, at, 1, 7)
	if got := pcitest.Read(m.Memory, at, 1); got != 7 {
		t.Errorf("reads %#x", got)
	}
}

func TestBARIsNowhereWhereItCannotBe(t *testing.T) {
	for name, base := range map[string]uint64{
		"on another function's": pcitest.Window64.Base + 0x1000,
		"over nothing":          1 << 39,
		"past the window":       pcitest.Window64.Base + pcitest.Window64.Size,
		"past the bus":          ^uint64(0xfff),
		"on the ECAM":           pcitest.ECAM,
		"at 0":                  0,
	} {
		t.Run(name, func(t *testing.T) {
			var log moves
			a, b := newFunction("a"), newFunction("b")
			addBAR(t, a, pci.BAR{Index: 0, Size: 0x1000, Wide: true, Moved: log.moved, Regions: []devices.Region{region("a", 0, 8)}})
			addBAR(t, b, pci.BAR{Index: 0, Size: 0x1000, Wide: true, Regions: []devices.Region{region("b", 0, 8)}})
			m := pcitest.New(t, []*pci.Function{a, b})
			for i := range 2 {
				m.Slot(i+1).Command(pcitest.Memory, 0)
				pcitest.Write(m.Memory, m.Slot(i+1).BAR(0), 1, uint64(i+1))
			}
			home := m.Slot(1).BAR(0)
			m.Slot(1).SetBAR(0, base)
			if got := pcitest.Read(m.Memory, home, 1); got != 0xff {
				t.Errorf("it is where it was: %#x", got)
			}
			if got := pcitest.Read(m.Memory, m.Slot(2).BAR(0), 1); got != 2 {
				t.Errorf("the other one reads %#x", got)
			}
			if got := m.Slot(1).BAR(0); got != base {
				t.Errorf("register is %#x, want %#x", got, base)
			}
			if refused := m.Root.Stats().RefusedBARs; (refused > 0) != (base != 0) {
				t.Errorf("%d were refused", refused)
			}
			m.Slot(1).SetBAR(0, home)
			if got := pcitest.Read(m.Memory, home, 1); got != 1 {
				t.Errorf("back home it reads %#x", got)
			}
		})
	}
}

func TestRefusedBARTakesItsPlaceWhenThatIsFree(t *testing.T) {
	a, b := newFunction("a"), newFunction("b")
	for _, f := range []*pci.Function{a, b} {
		addBAR(t, f, pci.BAR{Index: 0, Size: 0x1000, Wide: true, Regions: []devices.Region{region("r", 0, 8)}})
	}
	m := pcitest.New(t, []*pci.Function{a, b})
	for i := range 2 {
		m.Slot(i+1).Command(pcitest.Memory, 0)
		pcitest.Write(m.Memory, m.Slot(i+1).BAR(0), 1, uint64(i+1))
	}
	// They swap.
	x, y := m.Slot(1).BAR(0), m.Slot(2).BAR(0)
	m.Slot(1).SetBAR(0, y)
	m.Slot(2).SetBAR(0, x)
	if got := pcitest.Read(m.Memory, y, 1); got != 1 {
		t.Errorf("first reads %#x", got)
	}
	if got := pcitest.Read(m.Memory, x, 1); got != 2 {
		t.Errorf("second reads %#x", got)
	}
}

func TestBARsMoveUnderConcurrentWrites(t *testing.T) {
	const n = 4
	var logs [n]moves
	var functions []*pci.Function
	for i := range n {
		f := newFunction(fmt.Sprint("f", i))
		addBAR(t, f, pci.BAR{Index: 0, Size: 0x1000, Moved: logs[i].moved, Regions: []devices.Region{region("r", 0, 8)}})
		functions = append(functions, f)
	}
	m := pcitest.New(t, functions)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 500 {
				s := m.Slot(1 + (i+g)%n)
				s.Command(pcitest.Memory, 0)
				s.Write(0x10, 4, pcitest.Window32.Base+uint64(i*7%5)<<12)
				pcitest.Read(m.Memory, pcitest.Window32.Base+uint64(i%5)<<12, 4)
				if i%9 == 0 {
					s.Command(0, pcitest.Memory)
				}
			}
		})
	}
	all.Wait()
	// At rest each is alone at its place, or somebody else is.
	for i := range n {
		m.Slot(i+1).Command(pcitest.Memory, 0)
		m.Slot(i+1).Write(0x10, 4, pcitest.Window32.Base+uint64(8+i)<<12)
	}
	for i := range n {
		// Each move is a leaving and an arriving, in turns.
		list := strings.Fields(logs[i].take())
		for j, x := range list {
			if arriving := x[0] == '+'; arriving != (j%2 == 0) || j%2 == 1 && x[1:] != list[j-1][1:] {
				t.Fatalf("function %d: move %d of %v is out of turn", i, j, list[max(0, j-2):j+1])
			}
		}
		pcitest.Write(m.Memory, pcitest.Window32.Base+uint64(8+i)<<12, 1, uint64(i))
	}
	for i := range n {
		if got := pcitest.Read(m.Memory, pcitest.Window32.Base+uint64(8+i)<<12, 1); got != uint64(i) {
			t.Errorf("function %d reads %#x", i, got)
		}
	}
}

func TestBARsThatCannotBe(t *testing.T) {
	for want, b := range map[string]pci.BAR{
		"its size is 0x18":     {Size: 0x18},
		"its size is 0x8":      {Size: 8},
		"its size is 0x0":      {},
		"0x80000000":           {Size: 1 << 32},
		"there are 6":          {Index: 5, Size: 16, Wide: true},
		"there are 6 ":         {Index: -1, Size: 16},
		"are those of BAR 2":   {Index: 3, Size: 16},
		"are those of BAR 2\n": {Index: 1, Size: 16, Wide: true},
		"pass the limit 0x10":  {Size: 16, Regions: []devices.Region{region("x", 8, 16)}},
		`overlaps region "x"`:  {Size: 16, Regions: []devices.Region{region("x", 0, 8), region("y", 4, 4)}},
	} {
		f := newFunction("f")
		addBAR(t, f, pci.BAR{Index: 2, Size: 16, Wide: true})
		err := f.AddBAR(b)
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || !strings.HasPrefix(err.Error(), `PCI function "f": add BAR`) {
			t.Errorf("%+v: error %v, want one that has %q", b, err, want)
		}
	}
}

func TestPlacingKeepsAlignmentAndSaysWhatHasNoRoom(t *testing.T) {
	sizes := []uint64{0x1000, 1 << 20, 0x4000, 16}
	var functions []*pci.Function
	for i, size := range sizes {
		f := newFunction(fmt.Sprint("f", i))
		addBAR(t, f, pci.BAR{Index: 0, Size: size})
		addBAR(t, f, pci.BAR{Index: 2, Size: size, Wide: true})
		functions = append(functions, f)
	}
	m := pcitest.New(t, functions)
	type extent struct{ base, end uint64 }
	var taken []extent
	for i, size := range sizes {
		for bar, w := range map[int]pci.Window{0: pcitest.Window32, 2: pcitest.Window64} {
			base := m.Slot(i + 1).BAR(bar)
			if base%size != 0 || base < w.Base || base+size > w.Base+w.Size {
				t.Errorf("BAR of %#x bytes is at %#x", size, base)
			}
			for _, o := range taken {
				if base < o.end && o.base < base+size {
					t.Errorf("BAR at %#x overlaps one at %#x", base, o.base)
				}
			}
			taken = append(taken, extent{base, base + size})
		}
		if got := m.Slot(i+1).Read(4, 2); got != 0 {
			t.Errorf("Command is %#x", got)
		}
	}
	// Without a wide window the wide ones go below.
	if err := m.Root.PlaceBARs(pcitest.Window32, pci.Window{}); err != nil {
		t.Error(err)
	}
	if got := m.Slot(1).BAR(2); got < pcitest.Window32.Base || got >= pcitest.Window32.Base+pcitest.Window32.Size {
		t.Errorf("wide BAR is at %#x", got)
	}
	err := m.Root.PlaceBARs(pci.Window{Base: 1 << 30, Size: 1 << 20}, pci.Window{})
	if err == nil || !strings.Contains(err.Error(), `place BAR 2 of 0x100000 bytes: no room is left at 0x40000000-0x400fffff`) {
		t.Errorf("error %v", err)
	}
}

func TestFunctionsThatCannotBeAdded(t *testing.T) {
	m := pcitest.New(t, []*pci.Function{newFunction("f")})
	used := newFunction("used")
	if err := m.Root.Add(5, used); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want         string
		slot, number int
		f            *pci.Function
	}{
		{`"host bridge" is there`, 0, 0, newFunction("g")},
		{`"f" is there`, 1, 0, newFunction("g")},
		{"there are 32 slots", 32, 0, newFunction("g")},
		{"there are 32 slots", -1, 0, newFunction("g")},
		{"of 8 functions", 3, 8, newFunction("g")},
		{"has no function 0", 3, 1, newFunction("g")},
		{"name is taken", 3, 0, newFunction("f")},
		{"in use", 6, 0, used},
	} {
		if err := m.Root.AddFunction(test.slot, test.number, test.f); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one that has %q", err, test.want)
		}
	}
	if err := used.AddBAR(pci.BAR{Size: 16}); err == nil {
		t.Error("a function in use took a BAR")
	}
	if _, err := used.AddCapability(1, nil, nil, pci.CapabilityHooks{}); err == nil {
		t.Error("a function in use took a capability")
	}
}
