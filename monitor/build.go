package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/monitor/startup"
	"github.com/hullvm/hull/peripherals"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/vmm"
)

// built is a machine with its devices, and what it was built of.
type built struct {
	machine     *vmm.Machine
	devices     *peripherals.Set
	description *configs.Machine
	terminal    *terminal  // nil for none
	serial      *os.File   // takes what the guest writes to COM1; nil for none
	images      []*os.File // the memory files that RAM began as
	base        *os.File   // the one, where there is one; nil for none
	pagemap     *os.File   // of this process; nil for none
	messages    *slog.Logger
}

// descriptionName is the machine file's in messages.
const descriptionName = "machine.toml"

// build makes the machine that c describes of files, which it owns. On an error
// nothing is left open.
func build(c *startup.Config, files *handover.Files, started time.Time, log *slog.Logger) (_ *built, err error) {
	b := &built{messages: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close(), files.Close())
		}
	}()
	if b.description, err = configs.Parse(descriptionName, []byte(c.Machine)); err != nil {
		return nil, err
	}
	if err := b.openConsole(files); err != nil {
		return nil, err
	}
	config := vmm.Config{
		Machine: b.description, Cmdline: c.Cmdline, KVMFile: files.TakeOne(handover.KVM, ""),
		AllowSlowKVM: c.AllowSlowKVM, Started: started, Log: log, Incoming: c.Incoming,
	}
	defer func() {
		// New has it then. Closing a file twice does nothing more.
		if config.KVMFile != nil {
			_ = config.KVMFile.Close()
		}
	}()
	config.Console = b.console(b.description.Serial.Output)
	images := takeImages(files)
	defer images.close() // they are in guest memory then
	if err := images.describe(&config); err != nil {
		return nil, err
	}
	if config.Restore, err = b.saved(files); err != nil {
		return nil, err
	}
	switch {
	case config.KVMFile == nil:
		return nil, errors.New("no descriptor for KVM was handed over")
	case config.Incoming && config.Restore != nil:
		return nil, errors.New("a state was handed over to a machine that waits for one from another host")
	case config.Kernel.File == nil && config.Restore == nil && !config.Incoming:
		return nil, errors.New("no descriptor for the kernel was handed over")
	}
	b.devices, err = peripherals.New(b.description, files, peripherals.Options{
		Console: b.console(b.description.Console.Output), Log: log, Late: c.Incoming,
	})
	if err != nil {
		return nil, fmt.Errorf("machine %q: %w", b.description.Name, err)
	}
	for _, d := range b.devices.Devices {
		config.Devices = append(config.Devices, vmm.Virtio(d))
	}
	if b.machine, err = vmm.New(config); err != nil {
		return nil, err
	}
	if config.Restore != nil {
		b.announce()
	}
	return b, nil
}

// openConsole takes what the consoles write to.
func (b *built) openConsole(files *handover.Files) error {
	if f := files.TakeOne(handover.Terminal, ""); f != nil {
		var err error
		if b.terminal, err = newTerminal(f); err != nil {
			return err
		}
	}
	b.serial = files.TakeOne(handover.Serial, "")
	if b.description.Serial.Output == configs.SerialFile && b.serial == nil {
		return errors.New("serial console: no descriptor was handed over")
	}
	return nil
}

// console is where a console with this output writes; nil for nowhere.
func (b *built) console(output configs.SerialOutput) io.Writer {
	switch {
	case output == configs.SerialFile && b.serial != nil:
		return b.serial
	case output == configs.SerialTerminal && b.terminal != nil:
		return b.terminal
	}
	return nil
}

// input is the console that the terminal's input goes to, as hull boot has it; nil
// for none.
func (b *built) input() io.Writer {
	switch {
	case b.terminal == nil:
		return nil
	case b.description.Serial.Output == configs.SerialTerminal:
		return b.machine.Console()
	case b.description.Console.Output == configs.SerialTerminal:
		return b.devices.Console
	}
	return nil
}

// drainTime is how long those may take to read who were connected to a guest that
// has ended.
const drainTime = 5 * time.Second

// end lets the devices go before what stands behind them is drained and closed.
func (b *built) end() error {
	return errors.Join(b.machine.Close(), b.devices.Drain(drainTime), b.close())
}

func (b *built) close() error {
	var errs []error
	if b.machine != nil {
		errs = append(errs, b.machine.Close())
	}
	if b.devices != nil {
		errs = append(errs, b.devices.Close())
	}
	if b.terminal != nil {
		errs = append(errs, b.terminal.close())
	}
	for _, f := range append([]*os.File{b.serial, b.pagemap}, b.images...) {
		if f == nil {
			continue
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// wait waits for the machine's end.
func (b *built) wait() vmm.Exit {
	exit, _ := b.machine.Wait(context.Background())
	return exit
}
