package pci

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/internal/guesttest"
)

func TestDoorbellsAreWhereTheBARIs(t *testing.T) {
	g := newGuest(t, newFake(), nil)
	expect := func(step string, base uint64) {
		t.Helper()
		want := "[]"
		if base != 0 {
			want = fmt.Sprint([]uint64{base + 0x3000, base + 0x3004})
		}
		if got := fmt.Sprint(g.bells.list()); got != want {
			t.Errorf("%s: doorbells are at %v, want %v", step, got, want)
		}
	}
	expect("decode off", 0)
	g.open()
	home := g.space.BAR(0)
	expect("decode on", home)
	g.space.SetBAR(0, home+1<<20)
	expect("moved", home+1<<20)
	g.space.SetBAR(0, 0x1000_0000)
	expect("nowhere", 0)
	g.space.SetBAR(0, home)
	expect("back", home)
	g.space.Command(0, pcitest.Memory)
	expect("decode off again", 0)
	g.space.Command(pcitest.Memory, 0)
	expect("decode on again", home)
	if err := g.transport.Close(); err != nil {
		t.Error(err)
	}
	expect("closed", 0)
}

func TestDoorbellsRingByExitToo(t *testing.T) {
	g := newGuest(t, newFake(), nil).open()
	base := g.structures[typeNotify].addr
	for _, test := range []struct {
		off   uint64
		width int
		want  string
	}{
		{0, 2, "[1 0]"},
		{4, 2, "[0 1]"},
		{4, 4, "[0 1]"},
		{0, 1, "[1 0]"},
		{0, 8, "[1 0]"},
		{1, 1, "[0 0]"},
		{2, 4, "[0 0]"},
		{8, 4, "[0 0]"},
		{0xffc, 4, "[0 0]"},
	} {
		pcitest.Write(g.Memory, base+test.off, test.width, 0xffff)
		var got []uint64
		for _, k := range g.transport.kicks {
			n, err := k.event.Take()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, n)
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("write of %d at %#x kicked %v, want %v", test.width, test.off, got, test.want)
		}
	}
	if got := pcitest.Read(g.Memory, base, 4); got != 0 {
		t.Errorf("a doorbell reads %#x", got)
	}
}

func TestDoorbellsThatFailAreLoggedALittle(t *testing.T) {
	var log bytes.Buffer
	g := newGuest(t, newFake(), func(c *Config) { c.Log = guesttest.Logger(&log) })
	g.bells.fail = errors.New("no room")
	g.open()
	g.ring(0)
	if n, err := g.transport.kicks[0].event.Take(); n != 1 || err != nil {
		t.Errorf("%d kicks, error %v", n, err)
	}
	for range 100 {
		g.space.Command(0, pcitest.Memory)
		g.space.Command(pcitest.Memory, 0)
	}
	if n := strings.Count(log.String(), "\n"); n != maxLines+1 {
		t.Errorf("%d lines are in the log", n)
	}
}
