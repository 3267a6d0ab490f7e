package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// fake is a monitor whose machine is a few variables.
type fake struct {
	mu    sync.Mutex
	calls []string
	ended chan struct{} // closed when the machine has ended
	fails error         // of all that only do something
	text  string        // of a dump
}

func newFake() *fake { return &fake{ended: make(chan struct{})} }

// answers has all that only do something fail, and a dump say text.
func (f *fake) answers(fails error, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails, f.text = fails, text
}

func (f *fake) did(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.fails
}

func (f *fake) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		return ""
	}
	return f.calls[len(f.calls)-1]
}

func (f *fake) Hello() Hello {
	return Hello{PID: 1, Has: []string{"seccomp"}, Missing: []string{"landlock: the kernel has none"}}
}
func (f *fake) Start(context.Context) error       { return f.did("start") }
func (f *fake) Pause(context.Context) error       { return f.did("pause") }
func (f *fake) Resume(context.Context) error      { return f.did("resume") }
func (f *fake) PowerButton(context.Context) error { return f.did("power-button") }
func (f *fake) Kill(context.Context) error        { return f.did("kill") }
func (f *fake) Status(context.Context) (Status, error) {
	return Status{State: Paused, Timeline: []Mark{{"run", 5}}, Threads: []int{7, 0}}, f.did("status")
}

func (f *fake) Wait(ctx context.Context) (Exit, error) {
	_ = f.did("wait")
	select {
	case <-f.ended:
		return Exit{Reason: "power-off", Status: &GuestStatus{Code: 3}}, nil
	case <-ctx.Done():
		_ = f.did("wait ended")
		return Exit{}, ctx.Err()
	}
}

func (f *fake) Dump(context.Context) (string, error) {
	err := f.did("dump")
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text, err
}

func (f *fake) Balloon(context.Context) (Balloon, error) {
	return Balloon{Target: 1 << 40, Actual: 4096}, f.did("balloon")
}

func (f *fake) SetBalloon(_ context.Context, n uint64) error {
	return f.did("balloon %d", n)
}

func (f *fake) SetDiskLimits(_ context.Context, l DiskLimits) error { return f.did("limits %+v", l) }
func (f *fake) ResizeDisk(_ context.Context, s DiskSize) error      { return f.did("disk %+v", s) }
func (f *fake) SetLink(_ context.Context, l Link) error             { return f.did("link %+v", l) }
func (f *fake) ResizeConsole(_ context.Context, s ConsoleSize) error {
	return f.did("console %+v", s)
}

func (f *fake) Devices(context.Context) ([]Device, error) {
	return []Device{{Name: "root", Kind: "disk", Address: "00:01.0", Counters: map[string]uint64{"reads": 1}}}, f.did("devices")
}

func (f *fake) Memory(context.Context) (Memory, error) {
	return Memory{Size: 1 << 30, Resident: 1 << 20}, f.did("memory")
}

// Save writes into the files, so that it is seen which is which.
func (f *fake) Save(_ context.Context, files SaveFiles, o SaveOptions) (Saved, error) {
	for text, file := range map[string]*os.File{"state": files.State, "memory": files.Memory, "sums": files.Sums, "map": files.Map} {
		if file == nil {
			continue
		}
		if _, err := file.WriteString(text); err != nil {
			return Saved{}, err
		}
	}
	over := Over{}
	if o.Over != nil {
		over = *o.Over
	}
	return Saved{Memory: 4096, Digest: "d", State: 5, StateSum: "s", TSCKHz: 3}, f.did("save %v %q %v", o.Live, o.Track, over)
}

func (f *fake) Precopy(_ context.Context, memory *os.File, o PrecopyOptions) (Precopied, error) {
	_, err := memory.WriteString("precopied")
	return Precopied{Passes: 2, Left: 4096}, errors.Join(err, f.did("precopy %v", o.Over))
}

func (f *fake) SaveSums(_ context.Context, sums *os.File) (Summed, error) {
	_, err := sums.WriteString("sums")
	return Summed{Memory: 4096, Digest: "d"}, errors.Join(err, f.did("sums"))
}

func (f *fake) ForgetSave(context.Context) error { return f.did("forget") }

func (f *fake) DescribeMove(context.Context) ([]byte, error) {
	return []byte{0xa1, 0xff}, f.did("describe")
}

// JudgeMove finds as many reasons as the description has bytes.
func (f *fake) JudgeMove(_ context.Context, d []byte) ([]string, error) {
	var reasons []string
	for _, b := range d {
		reasons = append(reasons, fmt.Sprintf("%#x", b))
	}
	return reasons, f.did("judge %d", len(d))
}

func (f *fake) BeginMove(_ context.Context, conns []*os.File, o MoveOptions) error {
	return errors.Join(f.did("begin %d %+v", len(conns), o), numbered(conns))
}

func (f *fake) MovePass(context.Context) (MovedPass, error) {
	return MovedPass{Epoch: 2, Pages: 10, Zero: 1, Data: 9 << 12, Wire: 1 << 12, Took: 7, Left: 8}, f.did("pass")
}

func (f *fake) MoveLast(_ context.Context, state *os.File) (MovedLast, error) {
	_, err := state.WriteString("state")
	return MovedLast{MovedPass{Epoch: 3}, 5, "s"}, errors.Join(err, f.did("last"))
}

func (f *fake) LimitMove(_ context.Context, l MoveLimits) error { return f.did("limit %+v", l) }
func (f *fake) EndMove(context.Context) error                   { return f.did("end") }

func (f *fake) BeginReceive(_ context.Context, conns []*os.File) error {
	return errors.Join(f.did("receive %d", len(conns)), numbered(conns))
}

func (f *fake) WaitReceived(_ context.Context, epoch uint32) error { return f.did("epoch %d", epoch) }

func (f *fake) LoadReceived(_ context.Context, state *os.File) error {
	_, err := state.WriteString("loaded")
	return errors.Join(err, f.did("load"))
}

// numbered writes into each of files which one it is.
func numbered(files []*os.File) error {
	var errs []error
	for i, file := range files {
		_, err := fmt.Fprint(file, i)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

var errFake = errors.New("the fake has no wish to")
