package vmm

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hullvm/hull/boot"
	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/cpuid"
	"github.com/hullvm/hull/kvm/ring0"
	"github.com/hullvm/hull/mem"
)

// New builds the machine that c describes, up to the point where its first
// instruction could run. On an error nothing is left behind.
func New(c Config) (_ *Machine, err error) {
	if c.Machine == nil {
		c.closeKVM()
		return nil, errors.New("machine: no description given")
	}
	if want := c.Machine.PCIDevices(); len(c.Devices) != want {
		c.closeKVM()
		return nil, fmt.Errorf("machine %q: its description has %d devices for the PCI bus, and %d were handed over", c.Machine.Name, want, len(c.Devices))
	}
	m := &Machine{
		log:      c.log(),
		endWith:  make(chan Exit, 1),
		requests: make(chan request),
		devices:  devicesOf(c.Devices),
		exited:   make(chan struct{}),
	}
	m.timeline.start = c.Started
	if m.timeline.start.IsZero() {
		m.timeline.start = time.Now()
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("machine %q: %w", c.Machine.Name, errors.Join(err, m.release()))
		}
	}()
	if err := m.openKVM(&c); err != nil {
		return nil, err
	}
	from := c.Restore
	if c.Incoming {
		from = nil
	}
	if err := m.addMemory(c.Machine.Memory, from); err != nil {
		return nil, err
	}
	if err := m.addVM(); err != nil {
		return nil, err
	}
	if err := m.addPlatform(&c); err != nil {
		return nil, err
	}
	cpus, err := m.describeCPUs(c.Machine.CPU)
	if err != nil {
		return nil, err
	}
	if err := m.addVCPUs(cpus); err != nil {
		return nil, err
	}
	switch {
	case c.Incoming:
		err = m.await(cpus)
	case c.Restore != nil:
		err = m.restore(c.Restore.State, cpus)
	default:
		err = m.boot(&c, cpus)
	}
	if err != nil {
		return nil, err
	}
	m.timeline.add(MarkBuilt, time.Now())
	return m, nil
}

// openKVM opens the device and refuses one that could not run the machine.
func (m *Machine) openKVM(c *Config) error {
	system, err := c.kvm()
	if err != nil {
		return err
	}
	m.system = system
	if missing := system.Missing(kvm.Required()); len(missing) > 0 {
		return fmt.Errorf("KVM lacks %v: a newer host kernel has it", missing)
	}
	if limit := system.MaxVCPUs(); c.Machine.CPU.Count > limit {
		return fmt.Errorf("cpu.count: %d vCPUs asked for, KVM here runs at most %d: lower cpu.count", c.Machine.CPU.Count, limit)
	}
	if c.AllowSlowKVM || ring0.Promised() {
		return nil
	}
	// A host without the processor's virtualisation flags may have a KVM that
	// emulates the guest's kernel instruction by instruction: minutes to a
	// prompt, if there ever is one.
	result, err := ring0.Measure(system)
	if err != nil {
		return fmt.Errorf("KVM: measure: %w", err)
	}
	if !result.Able() {
		return fmt.Errorf("%w (%v); hull lab run -- COMMAND gives a host that can, --slow-kvm tries anyway", ErrSlowKVM, result)
	}
	return nil
}

// ErrSlowKVM says that the host's KVM emulates kernel code instead of running it.
var ErrSlowKVM = errors.New("this host's KVM emulates kernel code instruction by instruction, so that a kernel would need minutes to boot")

// boot puts the guest's program into memory, and turns the vCPUs on.
func (m *Machine) boot(c *Config, cpus *cpuid.Table) error {
	start, err := m.load(c, cpus)
	if err != nil {
		return err
	}
	return m.powerOn(cpus, start)
}

func (m *Machine) addMemory(c configs.Memory, from *Saved) error {
	o := mem.Options{
		Size:         uint64(c.Size),
		Shared:       c.Backing == configs.Memfd,
		HugePageSize: uint64(c.HugePages),
		THP:          c.THP,
		Overcommit:   c.Overcommit,
	}
	if from != nil {
		o.Image, o.Layers = from.Memory, from.Layers
	}
	memory, err := mem.New(o)
	if err != nil {
		return err
	}
	m.memory = memory
	return nil
}

// addVM makes the VM with its in-kernel interrupt controllers and timer, and
// gives it its RAM.
func (m *Machine) addVM() error {
	vm, err := m.system.CreateVM()
	if err != nil {
		return err
	}
	m.vm = vm
	m.gsis = newGSITable(vm)
	// Where KVM on Intel hosts may put what it needs; before the first vCPU.
	if err := vm.SetIdentityMapAddr(uint64(mem.KVMIdentityMap)); err != nil {
		return err
	}
	if err := vm.SetTSSAddr(uint32(mem.KVMTSS)); err != nil {
		return err
	}
	if m.system.Check(kvm.CapExceptionPayload) > 0 {
		// Without it, reading a vCPU's events delivers a pending exception.
		if err := vm.EnableCap(kvm.CapExceptionPayload, 1); err != nil {
			return err
		}
	}
	if err := vm.CreateIRQChip(); err != nil {
		return err
	}
	if err := vm.CreatePIT2(kvm.PITSpeakerDummy); err != nil {
		return err
	}
	if err := m.prepareDirtyLog(); err != nil {
		return err
	}
	return m.setSlots(0)
}

// load puts the kernel and all it needs into the guest's memory.
func (m *Machine) load(c *Config, cpus *cpuid.Table) (boot.Start, error) {
	machine := boot.Machine{
		Memory:      m.memory,
		Kernel:      boot.File{Name: c.Kernel.Name, Data: c.Kernel.File, Size: c.Kernel.Size},
		Protocol:    boot.Protocol(c.Machine.Boot.Protocol),
		CommandLine: c.Cmdline,
		Devices:     bootDevices(),
		Power:       acpi.DefaultPower,
		Generation:  &generation,
		GiantPages:  cpus.GiantPages(),
	}
	if c.Machine.HasPCI() {
		machine.PCI = pciLayout()
	}
	if c.Initrd.File != nil {
		machine.Initrd = &boot.File{Name: c.Initrd.Name, Data: c.Initrd.File, Size: c.Initrd.Size}
	}
	for i := range c.Machine.CPU.Count {
		machine.APICIDs = append(machine.APICIDs, cpus.APICID(i))
	}
	start, err := boot.Load(machine)
	if err != nil {
		return boot.Start{}, err
	}
	m.placed = start.Placed
	return start, nil
}

// Plan says what New would load where, without KVM: a dry run.
func Plan(c Config) ([]boot.Range, error) {
	m := &Machine{log: c.log()}
	defer func() { _ = m.release() }()
	if err := m.addMemory(c.Machine.Memory, nil); err != nil {
		return nil, fmt.Errorf("machine %q: %w", c.Machine.Name, err)
	}
	if _, err := m.load(&c, cpuid.Plain(topology(c.Machine.CPU))); err != nil {
		return nil, fmt.Errorf("machine %q: %w", c.Machine.Name, err)
	}
	return m.placed, nil
}

// closeKVM is for errors before the device is used.
func (c *Config) closeKVM() {
	if c.KVMFile != nil {
		_ = c.KVMFile.Close() // nothing was done with it
	}
}

func (c *Config) kvm() (*kvm.System, error) {
	switch {
	case c.KVMFile != nil:
		return kvm.FromFile(c.KVMFile)
	case c.KVM == "":
		return kvm.Open("/dev/kvm")
	}
	return kvm.Open(c.KVM)
}

var _ io.Closer = (*Machine)(nil)
