package monitortest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/monitor/control"
)

// console is a guest's, that nobody types into.
type console struct{ bytes.Buffer }

func (*console) Read([]byte) (int, error) { return 0, io.EOF }

func newHandler(incoming bool) (*handler, *console) {
	c := new(console)
	return &handler{guest: newGuest(c), state: control.Ready, description: "[memory]\nsize = '16MiB'\n[boot]\nkernel = 'x'\ninitrd = 'none'\n", awaits: incoming}, c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// One such machine moves to another, as real ones do.
func TestAMachineThatThereIsNotMoves(t *testing.T) {
	devicestest.CheckGoroutines(t)
	ctx := t.Context()
	from, _ := newHandler(false)
	to, console := newHandler(true)
	must(t, from.move(control.Running, control.Ready))
	d, err := from.DescribeMove(ctx)
	must(t, err)
	reasons, err := to.JudgeMove(ctx, d)
	must(t, err)
	if len(reasons) > 0 {
		t.Errorf("it would not fit: %q", reasons)
	}
	if reasons, err := to.JudgeMove(ctx, []byte("x")); err != nil || len(reasons) != 1 {
		t.Errorf("another machine would fit: %q, %v", reasons, err)
	}
	if err := to.Start(ctx); control.CodeOf(err) != control.WrongState {
		t.Errorf("a start without a state: %v", err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	must(t, from.BeginMove(ctx, []*os.File{ours}, control.MoveOptions{}))
	must(t, to.BeginReceive(ctx, []*os.File{theirs}))
	_, _ = ours.Close(), theirs.Close()
	for range 2 {
		p, err := from.MovePass(ctx)
		must(t, err)
		must(t, to.WaitReceived(ctx, p.Epoch))
	}
	must(t, from.Pause(ctx))
	state, err := os.Create(filepath.Join(t.TempDir(), "state"))
	must(t, err)
	defer state.Close()
	last, err := from.MoveLast(ctx, state)
	must(t, err)
	must(t, to.WaitReceived(ctx, last.Epoch))
	_, err = state.Seek(0, io.SeekStart)
	must(t, err)
	must(t, to.LoadReceived(ctx, state))
	if want := fmt.Sprintf("goes on, saved by %d\n", os.Getpid()); console.String() != want {
		t.Errorf("it says %q, want %q", console, want)
	}
	must(t, to.Start(ctx))
	must(t, to.Kill(ctx))
	must(t, from.EndMove(ctx))
	must(t, from.Resume(ctx))
	must(t, from.Kill(ctx))
}
