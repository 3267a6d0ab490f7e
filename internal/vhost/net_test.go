package vhost

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"

	"golang.org/x/sys/unix"
)

// fakeKernel notes the calls as text, and fails the one that fail names.
type fakeKernel struct {
	calls    []string
	fail     ioctl
	features uint64
	base     [rings]uint32
	errFD    int32
}

var errFake = errors.New("fake")

func (k *fakeKernel) call(_ int, nr ioctl, arg any) error {
	text := fmt.Sprintf("%#x", uint32(nr))
	switch v := arg.(type) {
	case *uint64:
		if nr == ioGetFeatures {
			*v = k.features
		}
		text += fmt.Sprintf(" %#x", *v)
	case *vringState:
		if nr == ioGetVringBase {
			v.num = k.base[v.index]
		}
		text += fmt.Sprintf(" %d:%d", v.index, v.num)
	case *vringFile:
		fd := fmt.Sprint(v.fd)
		if nr == ioSetVringErr && v.fd >= 0 {
			k.errFD, fd = v.fd, "err"
		}
		text += fmt.Sprintf(" %d:%s", v.index, fd)
	case *vringAddr:
		text += fmt.Sprintf(" %d:%#x,%#x,%#x", v.index, v.desc, v.avail, v.used)
	case *memoryTable:
		for _, r := range v.regions[:v.count] {
			text += fmt.Sprintf(" %#x+%#x@%#x", r.guest, r.size, r.user)
		}
	}
	k.calls = append(k.calls, text)
	if nr == k.fail {
		return errFake
	}
	return nil
}

func (k *fakeKernel) taken() string {
	s := strings.Join(k.calls, "\n")
	k.calls = nil
	return s
}

func newFake(t *testing.T) (*Net, *fakeKernel) {
	t.Helper()
	devicestest.CheckGoroutines(t)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	k := &fakeKernel{features: 0xff}
	n := &Net{file: f, call: k.call}
	if err := n.probe(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	k.taken()
	return n, k
}

func setup(broken func(error)) Setup {
	return Setup{
		Features: 0x81,
		Memory:   []Region{{0, 0x1000, 0x7000_0000}, {0x1_0000_0000, 0x2000, 0x8000_0000}},
		Rings: [rings]Ring{
			{Size: 256, Desc: 0x100, Avail: 0x200, Used: 0x300, Next: 5, Kick: 11, Call: 12},
			{Size: 128, Desc: 0x400, Avail: 0x500, Used: 0x600, Next: 65535, Kick: 13, Call: 14},
		},
		Backend: 20,
		Broken:  broken,
	}
}

const started = `0xaf01
0x4008af00 0x81
0x4008af03 0x0+0x1000@0x70000000 0x100000000+0x2000@0x80000000
0x4008af10 0:256
0x4008af12 0:5
0x4028af11 0:0x100,0x200,0x300
0x4008af21 0:12
0x4008af22 0:err
0x4008af20 0:11
0x4008af10 1:128
0x4008af12 1:65535
0x4028af11 1:0x400,0x500,0x600
0x4008af21 1:14
0x4008af22 1:err
0x4008af20 1:13
0x4008af30 0:20
0x4008af30 1:20`

func TestTheKernelIsSetUpAndStopped(t *testing.T) {
	n, k := newFake(t)
	for round := range 2 {
		if err := n.Start(setup(nil)); err != nil {
			t.Fatal(err)
		}
		want := started
		if round > 0 {
			_, want, _ = strings.Cut(want, "\n") // the owner stays
		}
		if got := k.taken(); got != want {
			t.Fatalf("start:\n%s\nwant\n%s", got, want)
		}
		if err := n.Start(setup(nil)); err == nil {
			t.Error("started twice")
		}
		if err := n.SetBackend(-1); err != nil {
			t.Error(err)
		}
		if got, want := k.taken(), "0x4008af30 0:-1\n0x4008af30 1:-1"; got != want {
			t.Errorf("set backend:\n%s", got)
		}
		k.base = [rings]uint32{77, 65536 + 3}
		next, err := n.Stop()
		if err != nil || next != [rings]uint16{77, 3} {
			t.Errorf("stopped at %v, %v", next, err)
		}
		const want2 = `0x4008af30 0:-1
0x4008af30 1:-1
0xc008af12 0:77
0x4008af20 0:-1
0x4008af21 0:-1
0x4008af22 0:-1
0xc008af12 1:65539
0x4008af20 1:-1
0x4008af21 1:-1
0x4008af22 1:-1`
		if got := k.taken(); got != want2 {
			t.Errorf("stop:\n%s\nwant\n%s", got, want2)
		}
	}
	if _, err := n.Stop(); err == nil {
		t.Error("stopped twice")
	}
	if err := n.SetBackend(1); err == nil {
		t.Error("a backend for what is stopped")
	}
}

func TestACallThatFailsLeavesNothingRunning(t *testing.T) {
	for _, nr := range []ioctl{
		ioSetOwner, ioSetFeatures, ioSetMemTable, ioSetVringNum, ioSetVringBase, ioSetVringAddr, ioSetVringCall,
		ioSetVringErr, ioSetVringKick, ioSetBackend,
	} {
		n, k := newFake(t)
		k.fail = nr
		if err := n.Start(setup(nil)); !errors.Is(err, errFake) || !strings.HasPrefix(err.Error(), "vhost-net: ") {
			t.Errorf("%#x: %v", uint32(nr), err)
		}
		if got := k.calls[len(k.calls)-1]; !strings.HasSuffix(got, ":-1") {
			t.Errorf("%#x: the last call was %s", uint32(nr), got)
		}
		k.fail = 0
		if err := n.Start(setup(nil)); err != nil {
			t.Errorf("%#x: once more: %v", uint32(nr), err)
		}
	}
}

func TestWhatTheKernelLacksIsNotAskedFor(t *testing.T) {
	n, k := newFake(t)
	s := setup(nil)
	s.Features = 0x101
	if err := n.Start(s); err == nil || !strings.Contains(err.Error(), "lacks 0x100") {
		t.Errorf("%v", err)
	}
	s = setup(nil)
	s.Memory = make([]Region, maxRegions+1)
	if err := n.Start(s); err == nil || !strings.Contains(err.Error(), "17 regions") {
		t.Errorf("%v", err)
	}
	for _, c := range k.calls {
		if !strings.HasSuffix(c, ":-1") {
			t.Errorf("call %s", c)
		}
	}
}

func TestABrokenRingIsReportedOnce(t *testing.T) {
	n, k := newFake(t)
	broken := make(chan error, 2)
	if err := n.Start(setup(func(err error) { broken <- err })); err != nil {
		t.Fatal(err)
	}
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	if _, err := unix.Write(int(k.errFD), one); err != nil {
		t.Fatal(err)
	}
	if err := <-broken; err == nil {
		t.Error("no error")
	}
	if _, err := n.Stop(); err != nil {
		t.Error(err)
	}
	if len(broken) > 0 {
		t.Error("reported twice")
	}
}

func TestWhatIsNoVHostIsRefused(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(f); err == nil || !strings.Contains(err.Error(), "VHOST_GET_FEATURES") {
		t.Errorf("%v", err)
	}
	if err := f.Close(); err == nil {
		t.Error("the file was left open")
	}
}
