package pci_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
)

func TestCapabilitiesAreAList(t *testing.T) {
	f := newFunction("f")
	for id, size := range []int{3, 2, 14, 1} {
		if _, err := f.AddCapability(byte(id+1), make([]byte, size), nil, pci.CapabilityHooks{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.AddExpress(); err != nil {
		t.Fatal(err)
	}
	s := pcitest.New(t, []*pci.Function{f}).Slot(1)
	want := "[{1 64} {2 72} {3 76} {4 92} {16 96}]"
	if got := fmt.Sprint(s.Capabilities(t)); got != want {
		t.Errorf("list is %v, want %v", got, want)
	}
	if got := s.Read(6, 2); got != 0x10 {
		t.Errorf("Status is %#x", got)
	}
}

func TestCapabilitiesEndWhereSpaceDoes(t *testing.T) {
	f := newFunction("f")
	if _, err := f.AddCapability(1, make([]byte, 0xc0-2), nil, pci.CapabilityHooks{}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.AddCapability(2, nil, nil, pci.CapabilityHooks{}); err == nil || !strings.Contains(err.Error(), "no more room") {
		t.Errorf("error %v", err)
	}
	if _, err := newFunction("g").AddCapability(2, make([]byte, 4), make([]byte, 3), pci.CapabilityHooks{}); err == nil {
		t.Error("a mask of another length was taken")
	}
}

func TestHooksSeeWhatIsTouched(t *testing.T) {
	var calls []string
	f := newFunction("f")
	hooks := pci.CapabilityHooks{
		Reading: func(off, n int) { calls = append(calls, fmt.Sprintf("r%d+%d", off, n)) },
		Written: func(off, n int) { calls = append(calls, fmt.Sprintf("w%d+%d", off, n)) },
	}
	at, err := f.AddCapability(9, make([]byte, 6), []byte{0, 0, 0xff, 0xff, 0xff, 0xff}, hooks)
	if err != nil {
		t.Fatal(err)
	}
	s := pcitest.New(t, []*pci.Function{f}).Slot(1)
	for _, test := range []struct {
		off, n int
		want   string
	}{
		{0, 2, ""}, {0, 4, "0+2"}, {4, 4, "2+4"}, {2, 1, "0+1"}, {7, 1, "5+1"}, {8, 4, ""}, {6, 4, "4+2"}, {-2, 8, "0+4"},
	} {
		calls = nil
		s.Read(int(at)+test.off, test.n)
		s.Write(int(at)+test.off, test.n, 0)
		want := ""
		if test.want != "" {
			want = "r" + test.want + " w" + test.want
		}
		if got := strings.Join(calls, " "); got != want {
			t.Errorf("%d bytes at %d: calls %q, want %q", test.n, test.off, got, want)
		}
	}
	f.SetCapabilityBody(at, 0, []byte{7})
	if got := s.Read(int(at)+2, 1); got != 7 {
		t.Errorf("reads %#x", got)
	}
}

func TestExpressCapabilityIsOfAnIntegratedEndpoint(t *testing.T) {
	f := newFunction("f")
	if err := f.AddExpress(); err != nil {
		t.Fatal(err)
	}
	s := pcitest.New(t, []*pci.Function{f}).Slot(1)
	at := s.Find(t, pci.CapExpress)
	if got := s.Read(at+2, 2); got != 0x92 {
		t.Errorf("PCI Express Capabilities are %#x, want version 2, type 9", got)
	}
	if got := s.Read(at+8, 2); got != 0x2810 {
		t.Errorf("Device Control is %#x", got)
	}
	s.Write(at+8, 4, 0xffffffff)
	if got := s.Read(at+8, 4); got != 0x78ff {
		t.Errorf("Device Control and Status are %#x after ones", got)
	}
}

func TestINTxFollowsTheFunction(t *testing.T) {
	f := newFunction("f")
	line := new(devicestest.Line)
	f.SetInterrupt(1, line)
	addBAR(t, f, pci.BAR{Index: 0, Size: 0x1000})
	var vectors pcitest.Vectors
	if _, err := f.AddMSIX(pci.MSIXConfig{Vectors: 1, PBAOffset: 0x800, Maker: vectors.Make}); err != nil {
		t.Fatal(err)
	}
	s := pcitest.New(t, []*pci.Function{f}).Slot(1)
	msix := s.Find(t, pci.CapMSIX)
	expect := func(step string, status, level bool) {
		t.Helper()
		if got := s.Read(6, 2)&(1<<3) != 0; got != status {
			t.Errorf("%s: Interrupt Status is %v", step, got)
		}
		if got := line.Level(); got != level {
			t.Errorf("%s: line is %v", step, got)
		}
	}
	f.Interrupt(true)
	expect("asserted", true, true)
	s.Command(pcitest.InterruptDisable, 0)
	expect("disabled", true, false)
	s.Write(6, 2, 0xffff)
	expect("status written", true, false)
	s.Command(0, pcitest.InterruptDisable)
	expect("enabled", true, true)
	s.Write(msix+2, 2, 1<<15)
	expect("MSI-X on", false, false)
	s.Write(msix+2, 2, 0)
	expect("MSI-X off", true, true)
	f.Interrupt(false)
	expect("over", false, false)
}
