package supervisor

import (
	"context"
	"io"
	"os"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/instance"
)

// Launch is what one run of a machine needs.
type Launch struct {
	Description *instance.Description
	Machine     *configs.Machine

	// First says that the instance has never run: it goes on from its snapshot, if
	// it was made of one.
	First bool

	// Incoming says that the machine arrives from another host: it is built, and its
	// memory and its state come later.
	Incoming bool

	// Console is the monitor's end of the guest's console; Start closes it.
	Console *os.File
	// Messages takes what the monitor and the processes beside it have to say.
	Messages io.Writer
	// Placed is called with the monitor's pid before it has its machine.
	Placed func(pid int) error
}

// Launcher starts monitors.
type Launcher interface {
	// Start starts a monitor whose machine is built, and whose guest does not run
	// yet. On an error nothing is left.
	Start(ctx context.Context, l Launch) (Machine, error)
}

// Machine is one run of a machine in its monitor.
type Machine interface {
	PID() int
	Held() (has, missing []string) // what holds the monitor, and what does not
	Published() []string           // ports of the host that lead to the guest

	Run(ctx context.Context) error // lets the vCPUs into the guest
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	PressPowerButton(ctx context.Context) error
	// Kill ends the machine, and the monitor where that does not answer.
	Kill()

	SetBalloon(ctx context.Context, size uint64) error // bytes taken from the guest
	SetDiskRates(ctx context.Context, disk string, r instance.DiskRates) error
	ResizeConsole(ctx context.Context, size agent.WinSize) error
	// PrepareSave does what a save does while the guest runs: memory is written, if
	// it is to be live, and then the guest's programs are stopped.
	PrepareSave(ctx context.Context, s Save) error
	// Save writes a paused machine into a folder.
	Save(ctx context.Context, s Save) (*Saved, error)
	// FinishSave lets the guest's programs go on, unless the guest is to be held, and
	// does what is left to do of a save that went well so far. After another, also
	// where PrepareSave failed, it undoes that.
	FinishSave(ctx context.Context, s Save, well bool) error
	Inspect(ctx context.Context) (*Monitor, error)

	// Enter lets the guest of a machine go that has arrived, or leaves it paused. The
	// error wraps ErrNotEntered where it certainly has not gone.
	Enter(ctx context.Context, paused bool) error
	// Migrate moves the machine to another host, and returns when that has it for
	// certain. On an error the guest is this host's, and goes on as it did before.
	Migrate(ctx context.Context, q Migrate, o Mover) (*Migrated, error)
	// Discard ends the monitor at once: nothing that it has may reach a disk any more.
	Discard()

	// Ended is closed when the monitor's process has ended. End says how from then
	// on, and Close lets go of what stood behind the machine.
	Ended() <-chan struct{}
	End() End
	Close() error
}

// End is how a monitor ended.
type End struct {
	// Reason is the monitor's own word; MonitorCrash where it had none.
	Reason instance.Reason
	Status *int   // of the guest's main process, as a shell has it; nil for none
	Detail string // a cause
}
