package vsock

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// FuzzDevice does what a guest and its hosts may do in any order: packets of a few
// ports with fields of any value, buffers of any size, hosts that read, write and
// leave, pauses, resets. After each step the device must be at rest, hold no more
// than it may, and know as many connections as it has.
func FuzzDevice(f *testing.F) {
	// A connection with data to and fro that the guest ends.
	f.Add([]byte{0, 0x11, 0, 0, 1, 30, 3, 0, 0, 0, 0, 0x15, 50, 0, 4, 0, 9, 0, 5, 0, 9, 0, 0, 0x14, 3, 0})
	// One that the host ends, and the same ports again.
	f.Add([]byte{1, 60, 3, 0, 0, 0x11, 0, 0, 6, 0, 0, 0, 0, 0x13, 0, 0, 0, 0x11, 0, 0, 0, 0x15, 255, 0})
	// A host that does not read, and a guest that goes.
	f.Add([]byte{0, 0x11, 0, 0, 2, 0, 0, 0, 0, 0x15, 255, 1, 0, 0x15, 255, 1, 7, 0, 0, 0, 0, 0x13, 0, 0, 8, 0, 0, 0, 1, 9, 9, 0})
	// The monitor's connection, refused and accepted.
	f.Add([]byte{9, 0, 0, 0, 1, 20, 0, 0, 0, 0x23, 0, 0, 9, 0, 0, 0, 0, 0x22, 0, 0, 0, 0x25, 20, 0, 10, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		fz := newFuzzed(t)
		for len(input) >= 4 && !fz.broken() {
			fz.step(input[0], input[1], input[2], input[3])
			input = input[4:]
			fz.check()
		}
	})
}

// fuzzed is a device that is fuzzed, with everything around it.
type fuzzed struct {
	t      *testing.T
	device *Device
	rx, tx *virtqtest.Driver
	dialed chan int // the host's ends
	hosts  []int
	asked  uint32 // the host's port of the monitor's last connection
	err    chan error
	bad    bool
}

func newFuzzed(t *testing.T) *fuzzed {
	fz := &fuzzed{t: t, dialed: make(chan int, 100), err: make(chan error, 1)}
	d, err := New(Config{CID: guestCID, Host: hostFunc(fz.dial), Connections: 4, Memory: 4 * (minWindow + 1<<10)})
	if err != nil {
		t.Fatal(err)
	}
	fz.device = d
	m := virtqtest.NewMemory(t, 4<<20)
	fz.rx = virtqtest.New(t, virtqtest.Options{Index: queueRX, Size: 16, Memory: m})
	fz.tx = virtqtest.New(t, virtqtest.Options{Index: queueTX, Size: 16, Memory: m, Indirect: true})
	event := virtqtest.New(t, virtqtest.Options{Index: queueEvent, Size: 4, Memory: m})
	event.Add(nil, []int{eventSize})
	err = d.Activate(&virtio.Activation{
		Memory: m.Guest, Features: virtio.FeatureVersion1,
		Queues:        []*virtio.Queue{fz.rx.Queue(), fz.tx.Queue(), event.Queue()},
		ConfigChanged: func() {},
		Broken:        func(err error) { fz.err <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s := d.session
		d.Deactivate()
		_ = d.Close()
		<-s.ended
		fz.takeDialed()
		for _, fd := range fz.hosts {
			_ = unix.Close(fd)
		}
		if n := d.Stats().Connections; n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	return fz
}

func (fz *fuzzed) dial(_ context.Context, port uint32) (Socket, error) {
	if port == 2 {
		return nil, unix.ECONNREFUSED
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) // so that it fills
	fz.dialed <- fds[1]
	return os.NewFile(uintptr(fds[0]), "pair"), nil
}

func (fz *fuzzed) takeDialed() {
	for len(fz.dialed) > 0 {
		fz.hosts = append(fz.hosts, <-fz.dialed)
	}
}

func (fz *fuzzed) broken() bool {
	if !fz.bad {
		select {
		case <-fz.err:
			fz.bad = true
		default:
		}
	}
	return fz.bad
}

// step is one act. What the other bytes mean is up to it.
func (fz *fuzzed) step(act, what, a, b byte) {
	fz.takeDialed()
	switch act % 12 {
	case 0, 11:
		fz.packet(what, a, b)
	case 1:
		for range what % 20 {
			if _, ok := fz.rx.TryAdd(nil, []int{headerSize + 1 + int(a)*20}); !ok {
				break
			}
		}
		fz.rx.Kick()
	case 2:
		if what&1 != 0 {
			_, _ = fz.rx.TryAdd(nil, []int{1 + int(a)})
		} else {
			_, _ = fz.tx.TryAdd([][]byte{make([]byte, 1+int(a))}, nil)
			fz.tx.Kick()
		}
		fz.rx.Kick()
	case 3:
		fz.device.Pause()
	case 4:
		fz.host(what, func(fd int) { _, _ = unix.Read(fd, make([]byte, 1+int(a)*64)) })
	case 5:
		fz.host(what, func(fd int) { _, _ = unix.Write(fd, make([]byte, 1+int(a)*64)) })
	case 6:
		if n := len(fz.hosts); n > 0 {
			i := int(what) % n
			_ = unix.Close(fz.hosts[i])
			fz.hosts = append(fz.hosts[:i], fz.hosts[i+1:]...)
		}
	case 7:
		fz.host(what, func(fd int) { _ = unix.Shutdown(fd, int(a)%3) })
	case 8:
		fz.device.Resume()
		if what == 0xee {
			fz.device.Reset()
		}
	case 9:
		fz.ask(uint32(what % 3))
	case 10:
		for _, d := range []*virtqtest.Driver{fz.rx, fz.tx} {
			for ok := true; ok; {
				_, ok = d.Poll()
			}
		}
	}
}

// packet sends one: what has the operation below and the port above.
func (fz *fuzzed) packet(what, a, b byte) {
	h := header{
		srcCID: guestCID, dstCID: HostCID, srcPort: uint32(what >> 4 & 3), dstPort: uint32(what >> 6),
		typ: typeStream, op: uint16(what & 15), flags: uint32(b & 3),
		bufAlloc: uint32(b) * 100, fwdCnt: uint32(a) * 50,
	}
	if h.dstPort == 3 {
		h.dstPort = fz.asked
	}
	data := make([]byte, int(a)*int(1+b%16))
	if h.len = uint32(len(data)); b == 0xfe {
		h.len += uint32(a) << 24
	}
	if b == 0xfd {
		h.srcCID++
	}
	_, _ = fz.tx.TryAdd([][]byte{h.bytes(), data}, nil)
	fz.tx.Kick()
}

func (fz *fuzzed) host(which byte, f func(fd int)) {
	if n := len(fz.hosts); n > 0 {
		f(fz.hosts[int(which)%n])
	}
}

// ask is Join without waiting.
func (fz *fuzzed) ask(port uint32) {
	socket, err := fz.dial(context.Background(), 0)
	if err != nil {
		fz.t.Fatal(err)
	}
	fd, err := takeSocket(socket)
	if err != nil {
		fz.t.Fatal(err)
	}
	s := fz.device.session
	s.call(func() {
		if st := s.ask(port, fd, func(error) {}); st != nil {
			fz.asked = st.host
			st.greet = func(uint32) string { return "OK\n" }
		}
	})
}

// check waits until the device is at rest and looks at it.
func (fz *fuzzed) check() {
	s := fz.device.session
	devicestest.Eventually(fz.t, "the device to have nothing to do", func() (rest bool) {
		s.call(func() {
			rest = !s.busy()
			for _, st := range s.slots {
				rest = rest && (st == nil || st.phase != dialing)
			}
		})
		return rest
	})
	s.call(func() { checkSession(fz.t, s) })
}

func checkSession(t *testing.T, s *session) {
	count, windows := 0, int64(0)
	for i, st := range s.slots {
		if st == nil {
			continue
		}
		count++
		windows += int64(st.window)
		held := st.untaken()
		switch {
		case st.tag.slot != int32(i):
			t.Errorf("stream %+v is in slot %d", st, i)
		case held > st.window || st.backlog.n > int(held):
			t.Errorf("stream %+v holds %d bytes", st, held)
		case st.fd < 0 && (st.phase == open || st.phase == asking || st.phase == gone):
			t.Errorf("stream %+v has no socket", st)
		case st.fd >= 0 && (st.phase == dead || st.phase == closing):
			t.Errorf("stream %+v has a socket", st)
		case st.phase == gone && st.backlog.n == 0:
			t.Errorf("stream %+v has no reason to be there", st)
		case st.phase != gone && s.table[st.key] != st:
			t.Errorf("stream %+v is not in the table", st)
		case st.owesAny() && st.phase != gone && !st.inControl:
			t.Errorf("stream %+v is not lined up", st)
		}
	}
	if c := s.device.config; count != s.count || count > c.Connections || windows > c.Memory || len(s.table) > count {
		t.Errorf("%d streams, %d counted, %d in the table, windows of %d bytes", count, s.count, len(s.table), windows)
	}
	if len(s.resets) > maxResets {
		t.Errorf("%d RSTs wait", len(s.resets))
	}
}
