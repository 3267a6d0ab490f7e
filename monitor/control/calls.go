package control

import "context"

// Hello is what the monitor said of itself.
func (c *Client) Hello() Hello { return c.hello }

// Start lets the vCPUs run.
func (c *Client) Start(ctx context.Context) error { return c.do(ctx, opStart, none{}) }

// Status asks how the machine is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[none, Status](ctx, c, opStatus, none{})
}

// Pause holds the vCPUs and devices of a machine that runs.
func (c *Client) Pause(ctx context.Context) error { return c.do(ctx, opPause, none{}) }

// Resume lets a machine that is paused go on.
func (c *Client) Resume(ctx context.Context) error { return c.do(ctx, opResume, none{}) }

// PowerButton presses the ACPI power button.
func (c *Client) PowerButton(ctx context.Context) error { return c.do(ctx, opPowerButton, none{}) }

// Kill ends the machine without asking the guest, one as well that was not started.
// It does not wait for the end.
func (c *Client) Kill(ctx context.Context) error { return c.do(ctx, opKill, none{}) }

// Wait waits for the machine's end. What the guest has written is with its readers
// by then.
func (c *Client) Wait(ctx context.Context) (Exit, error) {
	return call[none, Exit](ctx, c, opWait, none{})
}

// Dump tells where each vCPU stands.
func (c *Client) Dump(ctx context.Context) (string, error) {
	r, err := call[none, dumpResult](ctx, c, opDump, none{})
	return r.Text, err
}

// Balloon asks how much memory the guest gives up.
func (c *Client) Balloon(ctx context.Context) (Balloon, error) {
	return call[none, Balloon](ctx, c, opBalloonGet, none{})
}

// SetBalloon has the guest give up so many bytes.
func (c *Client) SetBalloon(ctx context.Context, bytes uint64) error {
	return c.do(ctx, opBalloonSet, balloonArgs{bytes})
}

// SetDiskLimits changes the limits of a disk.
func (c *Client) SetDiskLimits(ctx context.Context, l DiskLimits) error {
	return c.do(ctx, opDiskLimits, l)
}

// ResizeDisk changes the size of a disk in use, or has the guest hear that it
// changed.
func (c *Client) ResizeDisk(ctx context.Context, s DiskSize) error {
	return c.do(ctx, opDiskResize, s)
}

// SetLink plugs a network device's cable in or pulls it.
func (c *Client) SetLink(ctx context.Context, l Link) error { return c.do(ctx, opNetLink, l) }

// ResizeConsole says how large the virtio console's terminal is.
func (c *Client) ResizeConsole(ctx context.Context, s ConsoleSize) error {
	return c.do(ctx, opConsoleSize, s)
}

// Devices lists the devices of the PCI bus.
func (c *Client) Devices(ctx context.Context) ([]Device, error) {
	r, err := call[none, devicesReply](ctx, c, opDevices, none{})
	return r.Devices, err
}

// Memory asks for the size of the guest's RAM, and how much of it the host holds.
func (c *Client) Memory(ctx context.Context) (Memory, error) {
	return call[none, Memory](ctx, c, opMemory, none{})
}

// do makes a request that has no result.
func (c *Client) do(ctx context.Context, op string, args any) error {
	_, err := call[any, none](ctx, c, op, args)
	return err
}
