package control

import (
	"context"
	"maps"
	"os"
	"slices"
)

// Handler does what is asked. Its methods are called from any number of goroutines
// at once, and return an [Error] where one of its codes fits; another error has
// failed. The context ends with the connection.
type Handler interface {
	Hello() Hello
	Start(context.Context) error
	Status(context.Context) (Status, error)
	Pause(context.Context) error
	Resume(context.Context) error
	PowerButton(context.Context) error
	Kill(context.Context) error
	Wait(context.Context) (Exit, error)
	Dump(context.Context) (string, error)
	Balloon(context.Context) (Balloon, error)
	SetBalloon(context.Context, uint64) error
	SetDiskLimits(context.Context, DiskLimits) error
	ResizeDisk(context.Context, DiskSize) error
	SetLink(context.Context, Link) error
	ResizeConsole(context.Context, ConsoleSize) error
	Devices(context.Context) ([]Device, error)
	Memory(context.Context) (Memory, error)
	Precopy(context.Context, *os.File, PrecopyOptions) (Precopied, error)
	Save(context.Context, SaveFiles, SaveOptions) (Saved, error)
	SaveSums(context.Context, *os.File) (Summed, error)
	ForgetSave(context.Context) error
	MoveHandler
}

// The names of the operations.
const (
	opHello       = "hello"
	opStart       = "start"
	opStatus      = "status"
	opPause       = "pause"
	opResume      = "resume"
	opPowerButton = "power-button"
	opKill        = "kill"
	opWait        = "wait"
	opDump        = "dump"
	opBalloonGet  = "balloon-get"
	opBalloonSet  = "balloon-set"
	opDiskLimits  = "disk-limits"
	opDiskResize  = "disk-resize"
	opNetLink     = "net-link"
	opConsoleSize = "console-size"
	opDevices     = "devices"
	opMemory      = "memory"
	opSave        = "save"
	opPrecopy     = "save-precopy"
	opSaveSums    = "save-sums"
	opForgetSave  = "save-forget"
)

// Arguments and results that are not a type of their own. none has no field.
type (
	none      struct{}
	helloArgs struct {
		Version int `json:"version"`
	}
	dumpResult struct {
		Text string `json:"text"`
	}
	balloonArgs struct {
		Bytes uint64 `json:"bytes"`
	}
	devicesReply struct {
		Devices []Device `json:"devices"`
	}
)

// arguments are what comes with a request.
type arguments struct {
	text  []byte
	files []*os.File // closed after the operation
}

// operation decodes arguments and calls the handler.
type operation func(ctx context.Context, h Handler, args arguments) (any, error)

// with is an operation that has arguments and a result.
func with[A, R any](call func(Handler, context.Context, A) (R, error)) operation {
	return func(ctx context.Context, h Handler, a arguments) (any, error) {
		args, err := decodeArgs[A](a.text)
		switch {
		case err != nil:
			return nil, err
		case len(a.files) > 0:
			return nil, Errorf(BadRequest, "%d descriptors: there is none with this operation", len(a.files))
		}
		return call(h, ctx, args)
	}
}

// decodeArgs reads arguments, which may be left out where there are none.
func decodeArgs[A any](text []byte) (args A, err error) {
	if len(text) == 0 {
		text = []byte("{}")
	}
	if err := decode(text, &args); err != nil {
		return args, Errorf(BadRequest, "arguments: %w", err)
	}
	return args, nil
}

// does is an operation without a result.
func does[A any](call func(Handler, context.Context, A) error) operation {
	return with(func(h Handler, ctx context.Context, args A) (none, error) { return none{}, call(h, ctx, args) })
}

// simply is an operation without arguments or a result.
func simply(call func(Handler, context.Context) error) operation {
	return does(func(h Handler, ctx context.Context, _ none) error { return call(h, ctx) })
}

// tells is an operation without arguments.
func tells[R any](call func(Handler, context.Context) (R, error)) operation {
	return with(func(h Handler, ctx context.Context, _ none) (R, error) { return call(h, ctx) })
}

var operations = map[string]operation{
	opHello:       with(hello),
	opStart:       simply(Handler.Start),
	opStatus:      tells(Handler.Status),
	opPause:       simply(Handler.Pause),
	opResume:      simply(Handler.Resume),
	opPowerButton: simply(Handler.PowerButton),
	opKill:        simply(Handler.Kill),
	opWait:        tells(Handler.Wait),
	opDump: tells(func(h Handler, ctx context.Context) (dumpResult, error) {
		text, err := h.Dump(ctx)
		return dumpResult{text}, err
	}),
	opBalloonGet:  tells(Handler.Balloon),
	opBalloonSet:  does(func(h Handler, ctx context.Context, a balloonArgs) error { return h.SetBalloon(ctx, a.Bytes) }),
	opDiskLimits:  does(Handler.SetDiskLimits),
	opDiskResize:  does(Handler.ResizeDisk),
	opNetLink:     does(Handler.SetLink),
	opConsoleSize: does(Handler.ResizeConsole),
	opDevices: tells(func(h Handler, ctx context.Context) (devicesReply, error) {
		devices, err := h.Devices(ctx)
		return devicesReply{devices}, err
	}),
	opMemory: tells(Handler.Memory),
	opSave:   save,
	opPrecopy: withFiles(1, "the memory", func(h Handler, ctx context.Context, f []*os.File, o PrecopyOptions) (Precopied, error) {
		return h.Precopy(ctx, f[0], o)
	}),
	opSaveSums: withFiles(1, "the checksums", func(h Handler, ctx context.Context, f []*os.File, _ none) (Summed, error) {
		return h.SaveSums(ctx, f[0])
	}),
	opForgetSave: simply(Handler.ForgetSave),
}

// operationOf is the operation of a name, nil for none.
func operationOf(name string) operation {
	if do := operations[name]; do != nil {
		return do
	}
	return moveOperations[name]
}

// Operations are the names of all operations, in order.
func Operations() []string {
	names := slices.Concat(slices.Collect(maps.Keys(operations)), slices.Collect(maps.Keys(moveOperations)))
	slices.Sort(names)
	return names
}

// hello agrees on a version.
func hello(h Handler, _ context.Context, a helloArgs) (Hello, error) {
	if a.Version != Version {
		return Hello{}, Errorf(BadRequest, "protocol version %d: this monitor speaks %d", a.Version, Version)
	}
	reply := h.Hello()
	reply.Version = Version
	return reply, nil
}
