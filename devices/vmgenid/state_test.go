package vmgenid

import (
	"errors"
	"testing"

	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

func TestGenerationIsKeptWhereItWas(t *testing.T) {
	g := newMemory(t)
	told := 0
	fresh := newDevice(t, Config{Memory: g, Addr: addr + 0x800, Notify: func() { told++ }})
	vmstatetest.Golden(t, "v1-first", false, newDevice(t, Config{ID: firstID}), fresh)
	if fresh.ID() != firstID || told != 0 {
		t.Errorf("the ID is %x; the guest was told %d times", fresh.ID(), told)
	}
	if err := fresh.Renew(secondID); err != nil {
		t.Fatal(err)
	}
	wantMemory(t, g, addr, secondID)
	wantMemory(t, g, addr+0x800, ID{})
	if told != 1 {
		t.Errorf("the guest was told %d times", told)
	}
}

func TestStatesOfNoGenerationAreRefused(t *testing.T) {
	for name, s := range map[string]state{
		"a short ID":            {Addr: uint64(addr), ID: firstID[1:]},
		"a long ID":             {Addr: uint64(addr), ID: make([]byte, 17)},
		"no memory":             {Addr: 1 << 40, ID: firstID[:]},
		"the end of the memory": {Addr: 2<<20 - 8, ID: firstID[:]},
		"the end of all":        {Addr: ^uint64(7), ID: firstID[:]},
		"a crooked address":     {Addr: uint64(addr) + 1, ID: firstID[:]},
	} {
		saved := vmstate.New()
		if err := saved.Out("generation").Put(stateVersion, s); err != nil {
			t.Fatal(err)
		}
		d := newDevice(t, Config{ID: secondID})
		before := vmstatetest.Bytes(t, d)
		if err := d.Load(saved.In("generation")); !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("%s: error %v, want ErrBadState", name, err)
		}
		if string(before) != string(vmstatetest.Bytes(t, d)) {
			t.Errorf("%s: it was refused and has changed something", name)
		}
	}
}
