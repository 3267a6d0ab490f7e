package devicestest

import (
	"io"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// FuzzLoad fuzzes the states of a device: fresh makes one as the machine does,
// made are some whose states are the seeds. A state that is taken must leave a
// device that can go on.
func FuzzLoad(f *testing.F, fresh func() devices.Device, made ...devices.Device) {
	keepers := make([]vmstate.Keeper, 0, len(made))
	for _, d := range made {
		keepers = append(keepers, d)
	}
	vmstatetest.Fuzz(f, func() vmstate.Keeper { return lively{fresh()} }, keepers...)
}

// lively is a device that is used at once when it has loaded a state.
type lively struct{ devices.Device }

func (l lively) Load(in vmstate.In) error {
	if c, ok := l.Device.(io.Closer); ok {
		defer c.Close() // it answers and can be saved regardless
	}
	if err := l.Device.Load(in); err != nil {
		return err
	}
	use := func() {
		for _, r := range l.Regions() {
			var p [1]byte
			for off := range r.Size {
				r.Handler.Read(off, p[:])
				r.Handler.Write(off, p[:])
			}
		}
	}
	use()
	l.Resume()
	use()
	l.Pause()
	return nil
}
