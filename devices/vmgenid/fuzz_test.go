package vmgenid

import (
	"testing"

	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// FuzzLoad renews each generation that is taken: its address must be good.
func FuzzLoad(f *testing.F) {
	memory := newMemory(f)
	fresh := func() vmstate.Keeper {
		d, err := New(Config{Memory: memory, Addr: addr})
		if err != nil {
			panic(err)
		}
		return renewed{d}
	}
	vmstatetest.Fuzz(f, fresh, newDevice(f, Config{Memory: memory, ID: firstID}))
}

type renewed struct{ *Device }

func (r renewed) Load(in vmstate.In) error {
	if err := r.Device.Load(in); err != nil {
		return err
	}
	if err := r.Renew(secondID); err != nil {
		panic(err)
	}
	return nil
}
