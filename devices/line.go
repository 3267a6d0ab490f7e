package devices

// Line is one interrupt input of the interrupt controllers, as a device sees
// it. A device sets the level it wants; whether the controller takes the edge
// or the level is the controller's business.
//
// Set may be called from any goroutine and with the device's own lock held:
// implementations never call back into the device.
type Line interface {
	// Set drives the line high or low. Setting the level it already has does
	// nothing.
	Set(level bool)

	// Restore puts the line's remembered level back after a device's state was
	// loaded, without an edge: the controller's own state already holds the
	// interrupt, and a second edge would be an interrupt the guest never had.
	Restore(level bool)
}

// Unconnected is a line that leads nowhere.
func Unconnected() Line { return unconnected{} }

type unconnected struct{}

func (unconnected) Set(bool) {}

func (unconnected) Restore(bool) {}
