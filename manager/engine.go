package manager

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"syscall"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
	"github.com/hullvm/hull/manager/supervisor"
)

// Engine is what can be done with the instances of a host: also snapshots of them, and
// moves to other hosts. A ref is an instance's name, its id, or a beginning of its id
// that no other's has. Failures are [*instance.Error]s, whose text names the instance,
// and says what to do.
type Engine interface {
	Snapshots
	Migrations

	// Create makes an instance that does not run yet.
	Create(ctx context.Context, o CreateOptions) (*instance.Description, error)
	// Start runs a created or exited instance, and returns when its vCPUs are in
	// the guest.
	Start(ctx context.Context, ref string) error
	// Stop presses the guest's power button, kills it where it has not ended in
	// time, and returns when it has. It is no error to
	// stop an instance that does not run.
	Stop(ctx context.Context, ref string, o StopOptions) error
	// Restart stops an instance as Stop does and starts it again; one that does not
	// run is started. Who has stopped it starts it also where ctx ends between. One
	// that removes itself at its end cannot be started again.
	Restart(ctx context.Context, ref string, o StopOptions) error
	// Kill ends the machine at once for SIGKILL. Any other signal goes to the
	// guest's main process.
	Kill(ctx context.Context, ref string, signal syscall.Signal) error
	// Pause holds the vCPUs of a running instance; Unpause lets them go on.
	Pause(ctx context.Context, ref string) error
	Unpause(ctx context.Context, ref string) error
	// Wait waits for the end of an instance that will not be started again by its
	// policy. One that does not run is not waited for.
	Wait(ctx context.Context, ref string) (instance.Exit, error)

	// List returns the instances that the options choose, the newest first. An
	// instance that cannot be read is in it with its Problem.
	List(ctx context.Context, o ListOptions) ([]Summary, error)
	// Inspect returns all that is known of an instance.
	Inspect(ctx context.Context, ref string) (*Detail, error)
	// Rename gives an instance another name.
	Rename(ctx context.Context, ref, name string) error
	// Remove deletes an instance that does not run, with its log. With Force one
	// that runs is killed before, and one that cannot be read is deleted too.
	Remove(ctx context.Context, ref string, o RemoveOptions) error
	// Update changes what an instance may have, while it runs or not.
	Update(ctx context.Context, ref string, u instance.Update) error
	// Recover brings to order what was left by a host or a supervisor that went
	// down, and starts again what its policy says. It returns what it started.
	Recover(ctx context.Context) ([]string, error)

	// Logs returns what the guest's console and Hull wrote, in order.
	Logs(ctx context.Context, ref string, o LogOptions) (iter.Seq2[logs.Record, error], error)
	// Events returns what happened to instances.
	Events(ctx context.Context, o events.Options) iter.Seq2[events.Event, error]

	// Attach joins the console of a running instance.
	Attach(ctx context.Context, ref string, o AttachOptions) (Console, error)
	// Exec runs a program in a running guest and returns when it has started. The
	// caller waits for its end, and closes it.
	Exec(ctx context.Context, ref string, o ExecOptions) (Execution, error)
	// Stat says what a path of a running guest is, a link itself rather than what
	// it names. One that is not there is fs.ErrNotExist.
	Stat(ctx context.Context, ref, path string) (*FileStat, error)
	// CopyFrom writes a tar archive of a guest's file or folder.
	CopyFrom(ctx context.Context, ref, path string, archive io.Writer) error
	// CopyTo unpacks a tar archive into a guest's folder.
	CopyTo(ctx context.Context, ref, path string, archive io.Reader) error
	// Stats returns what a running instance uses.
	Stats(ctx context.Context, ref string) (*Stats, error)
	// Top lists the processes of a running guest.
	Top(ctx context.Context, ref string) ([]Process, error)
}

// CreateOptions say what to create.
type CreateOptions struct {
	// Machine is what to run; it passed configs.Load or configs.Parse.
	Machine *configs.Machine

	// Name is the instance's; empty has one made up.
	Name   string
	Labels map[string]string

	Unconfined bool   // run the monitor without its jail
	SlowKVM    bool   // allow a KVM that emulates kernel code
	KVM        string // the KVM device; empty for /dev/kvm
	AutoRemove bool   // remove the instance when it has ended
}

// StopOptions say how to stop.
type StopOptions struct {
	// Timeout is how long the guest may take; negative is for ever, nil the
	// machine's own lifecycle.stop_timeout.
	Timeout *time.Duration
}

// RemoveOptions say how to remove.
type RemoveOptions struct{ Force bool }

// ListOptions choose instances. Filters of one name are alternatives, those of
// different names all have to hold.
type ListOptions struct {
	All     bool                // also those that do not run
	Last    int                 // the last so many that were created, running or not; 0 for all
	Size    bool                // say how much disk space each takes
	Filters map[string][]string // id, name, status, label, exited, kernel, before, since
}

// LogOptions say what to read of a log.
type LogOptions struct {
	Follow       bool // go on until the instance has ended for good
	Since, Until time.Time
	Tail         int // the last so many records; negative for all
}

// AttachOptions say how to join a console.
type AttachOptions struct {
	Input bool // what is written goes to the guest
}

// Console is the console of a running guest. Read returns io.EOF when the
// instance has ended.
type Console interface {
	io.ReadWriteCloser
	// Resize tells the guest the terminal's size, where its console can be told.
	Resize(ctx context.Context, size agent.WinSize) error
}

// ExecOptions say what to run in a guest.
type ExecOptions struct {
	Command agent.Command
	// User is who runs it: a name or number of the guest, with a group behind a
	// colon or without. Empty is root.
	User string
}

// Execution is a program that was started in a guest.
type Execution interface {
	// Wait waits for the program's end, and for its output to be written.
	Wait(ctx context.Context) (agent.Exit, error)
	Signal(s syscall.Signal) error
	Resize(size agent.WinSize) error
	PID() int
	// Close lets the connection to the guest go. A program that still runs goes
	// on unless its command says otherwise.
	Close() error
}

// Summary is an instance in a list.
type Summary struct {
	instance.Description
	State instance.State `json:"state"`

	// Size is the disk space of the instance's directory, bytes, where asked for.
	Size int64 `json:"size,omitempty"`
	// Problem says why the instance's files could not be read; all but the id may
	// be empty then.
	Problem string `json:"problem,omitempty"`
}

// Detail is all that is known of an instance.
type Detail struct {
	Summary
	Dir     string              `json:"dir"`               // its directory
	RunDir  string              `json:"run_dir"`           // where its sockets are while it runs
	Monitor *supervisor.Monitor `json:"monitor,omitempty"` // of a live one
}

// FileStat is what a path of a guest is, in the guest's own words.
type FileStat struct {
	Name       string      `json:"name"` // the last part of the path
	Size       int64       `json:"size"` // bytes
	Mode       fs.FileMode `json:"mode"`
	ModTime    time.Time   `json:"mod_time"`
	LinkTarget string      `json:"link_target,omitempty"` // of a symbolic link
}

// Process is a process of a guest.
type Process struct {
	PID     int           `json:"pid"`
	PPID    int           `json:"ppid"`
	UID     uint32        `json:"uid"`
	State   string        `json:"state"` // a letter, proc(5)
	CPUTime time.Duration `json:"cpu_time"`
	Age     time.Duration `json:"age"` // since its start
	RSS     uint64        `json:"rss"` // bytes
	TTY     string        `json:"tty"` // empty for none
	Command string        `json:"command"`
}

// Stats is what a running instance uses. Counters run since the machine's start.
type Stats struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	Time time.Time `json:"time"`

	// As the host counts. Without a control group CPUTime and the block counters
	// are zero, and MemoryUsage is the monitor's.
	CPUTime      time.Duration `json:"cpu_time"`
	VCPUs        int           `json:"vcpus"`
	MemoryUsage  uint64        `json:"memory_usage"` // bytes
	MemoryLimit  uint64        `json:"memory_limit"` // bytes; what the guest was made with where there is no limit
	BlockRead    uint64        `json:"block_read"`   // bytes
	BlockWritten uint64        `json:"block_written"`

	// As the guest's agent counts; zero where it does not answer.
	NetReceived    uint64       `json:"net_received"` // bytes
	NetTransmitted uint64       `json:"net_transmitted"`
	Processes      int          `json:"processes"`
	Guest          *agent.Stats `json:"guest,omitempty"`

	// Moving is how far its move to another host is; nil for one that stays.
	Moving *MigrationProgress `json:"moving,omitempty"`
}
