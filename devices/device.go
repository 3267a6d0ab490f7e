package devices

import (
	"fmt"
	"io"

	"github.com/hullvm/hull/vmstate"
)

// Device is what every emulated device offers to the machine that holds it.
// Devices start resumed. Their methods may be called from any goroutine.
type Device interface {
	// Regions lists what the device claims, ready for [Bus.Add].
	Regions() []Region

	// Pause stops what the device does to the guest on its own account:
	// timers, delivery of host input, room made by output. After it returns
	// the device's lines and registers change only by register accesses, so
	// that its state can be saved together with the interrupt controllers'.
	// Registers that show a running clock go on showing it. Output that the
	// guest has handed over still goes out.
	Pause()

	// Resume undoes Pause and catches up on what was due meanwhile. Pausing
	// twice or resuming twice does nothing more.
	Resume()

	// Keeper is the state of the device, which is paused when it is saved. A
	// device that has loaded a state is paused; its lines have their levels
	// back, without an edge.
	vmstate.Keeper
}

// ErrClosed answers a call to a device that has been closed. It is an
// [io.ErrClosedPipe].
var ErrClosed = fmt.Errorf("device is closed: %w", io.ErrClosedPipe)
