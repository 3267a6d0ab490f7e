package vmm

import (
	"crypto/rand"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/boot"
	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/acpipm"
	"github.com/hullvm/hull/devices/debugport"
	"github.com/hullvm/hull/devices/gueststatus"
	"github.com/hullvm/hull/devices/i8042"
	"github.com/hullvm/hull/devices/pvpanic"
	"github.com/hullvm/hull/devices/rtc"
	"github.com/hullvm/hull/devices/uart"
	"github.com/hullvm/hull/devices/vmgenid"
	"github.com/hullvm/hull/mem"
)

// Where the platform's devices are and which ISA interrupt each raises. The
// power-management block is where acpi.DefaultPower says.
const (
	com1Base = 0x3f8
	com1Size = 8
	com1IRQ  = 4

	rtcBase = 0x70
	rtcSize = 2
	rtcIRQ  = 8

	pvpanicBase = 0x505
	pvpanicSize = 1
)

// generation is where the guest finds the machine's generation id, and the event
// that tells it of another one.
var generation = acpi.Generation{Addr: uint64(mem.GenerationID), GPE: 0}

// platform is the devices that every machine has, and the buses they stand on.
type platform struct {
	ports, mmio *devices.Bus

	uart       *uart.UART
	pm         *acpipm.PM
	generation *vmgenid.Device
	all        []chip

	guestStatus atomic.Pointer[GuestStatus]
}

// chip is a device of the platform, and the name of its state.
type chip struct {
	name   string
	device devices.Device
}

// addPlatform makes the devices. Nothing is running yet, so their callbacks find
// a whole machine when they come.
func (m *Machine) addPlatform(c *Config) error {
	p := &platform{
		ports: devices.NewBus("ports", devices.PortLimit, devices.WithLogger(m.log)),
		mmio:  devices.NewBus("memory", devices.MMIOLimit, devices.WithLogger(m.log)),
	}
	m.platform = p

	lines := make(map[string]*edgeLine)
	for name, gsi := range map[string]uint32{"COM1": com1IRQ, "RTC": rtcIRQ} {
		l, err := newEdgeLine(m.vm, name, gsi, m.lineFailed)
		if err != nil {
			return err
		}
		m.lines = append(m.lines, l)
		lines[name] = l
	}
	power := acpi.DefaultPower
	sci := newLevelLine(m.vm, "SCI", uint32(power.SCI), m.lineFailed)
	m.lines = append(m.lines, sci)

	output := c.Console
	if output == nil {
		output = io.Discard
	}
	clock := devices.HostClock()
	p.uart = uart.New(uart.Config{Name: "COM1", Base: com1Base, Line: lines["COM1"], Output: output, Clock: clock})
	below, above := ramAroundHole(m.memory)
	p.pm = acpipm.New(acpipm.Config{
		Line:     sci,
		Clock:    clock,
		PowerOff: func() { m.end(Exit{Reason: PowerOff}) },
		Reset:    func() { m.end(Exit{Reason: Reset}) },
	})
	var err error
	p.generation, err = vmgenid.New(vmgenid.Config{
		Memory: m.memory,
		Addr:   mem.Addr(generation.Addr),
		ID:     firstGeneration(c),
		Notify: func() { p.pm.RaiseGPE(generation.GPE) },
	})
	if err != nil {
		return err
	}
	p.all = []chip{
		{"com1", p.uart},
		{"acpi-pm", p.pm},
		{"generation", p.generation},
		{"rtc", rtc.New(rtc.Config{Line: lines["RTC"], Clock: clock, MemoryBelow4G: below, MemoryAbove4G: above})},
		{"i8042", i8042.New(i8042.Config{Reset: func() { m.end(Exit{Reason: Reset}) }})},
		{"debug-port", debugport.New(debugport.Config{Mark: m.bootMark})},
		{"pvpanic", pvpanic.New(pvpanic.Config{
			Panicked:    func() { m.end(Exit{Reason: GuestPanic}) },
			CrashLoaded: func() { m.log.Info("guest panicked and will handle it itself") },
			Shutdown:    func() { m.end(Exit{Reason: PowerOff}) },
		})},
		{"guest-status", gueststatus.New(gueststatus.Config{Reported: func(v uint32) {
			s := parseGuestStatus(v)
			p.guestStatus.Store(&s)
		}})},
	}
	var ports []devices.Region
	for _, d := range p.all {
		ports = append(ports, d.device.Regions()...)
	}
	if c.Machine.HasPCI() {
		if ports, err = m.addPCI(c, p.mmio, ports); err != nil {
			return err
		}
	}
	return p.ports.Add(ports...)
}

// ramAroundHole is how much RAM lies below and above 4 GiB, in bytes.
func ramAroundHole(g *mem.Guest) (below, above uint64) {
	for _, s := range g.Slots() {
		if s.Base < mem.HighRAM {
			below += s.Size
		} else {
			above += s.Size
		}
	}
	return below, above
}

// bootDevices is what the firmware tables tell the guest of the platform. The
// i8042 is left out: it can do nothing but reset the machine, and a kernel that
// is told of one looks for a keyboard.
func bootDevices() []boot.Device {
	return []boot.Device{
		{Name: "COM1", Kind: boot.Serial, Addr: com1Base, Size: com1Size, Interrupt: com1IRQ},
		{Name: "RTC", Kind: boot.RTC, Addr: rtcBase, Size: rtcSize, Interrupt: rtcIRQ},
		{Name: "PEVT", Kind: boot.PVPanic, Addr: pvpanicBase, Size: pvpanicSize},
	}
}

// newGeneration is a generation that no machine has had.
func newGeneration() (id vmgenid.ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// firstGeneration is that of a machine which boots. One that goes on has in its
// RAM what it had, until it hears of another.
func firstGeneration(c *Config) (id vmgenid.ID) {
	if !c.goesOn() {
		id = newGeneration()
	}
	return id
}

// RenewGeneration tells the guest that this is another machine than it was: that
// what must not exist twice, such as the state of its random numbers, it has to
// make anew. A paused machine hears of it when it goes on.
func (m *Machine) RenewGeneration() error { return m.platform.generation.Renew(newGeneration()) }

// lineFailed ends the machine: an interrupt that cannot be delivered is a guest
// that waits for ever.
func (m *Machine) lineFailed(err error) {
	m.log.Error("interrupt not delivered", "cause", err)
	m.end(Exit{Reason: InternalError, Err: err})
}

func (p *platform) pause() {
	for _, d := range p.all {
		d.device.Pause()
	}
}

func (p *platform) resume() {
	for _, d := range p.all {
		d.device.Resume()
	}
}

// drain waits until what the guest wrote has reached the outside world.
func (p *platform) drain(deadline time.Duration) error { return p.uart.Drain(deadline) }

// status is what the guest's agent reported last, nil for nothing.
func (p *platform) status() *GuestStatus { return p.guestStatus.Load() }

// close ends the devices' goroutines and timers.
func (p *platform) close() error {
	p.pause()
	var errs []error
	for _, d := range p.all {
		if c, ok := d.device.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// consoleInput is a Machine as the writer behind its console's input.
type consoleInput Machine

func (c *consoleInput) Write(p []byte) (int, error) { return c.platform.uart.Write(p) }
