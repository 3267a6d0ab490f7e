package fs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/fswire"
)

func TestTheConfigurationSaysTagAndQueues(t *testing.T) {
	d, _ := newTestDevice(t, Config{Tag: "work", RequestQueues: 3, QueueSize: 64}, goodHello)
	got := make([]byte, 50)
	for i := range got {
		got[i] = 0xff
	}
	d.WriteConfig(0, []byte("other"))
	d.ReadConfig(0, got)
	want := append(append([]byte("work"), make([]byte, 32)...), 3, 0, 0, 0)
	if !bytes.Equal(got, append(want, make([]byte, 10)...)) {
		t.Errorf("%x", got)
	}
	for _, off := range []uint64{36, 39, 40, 1 << 40, 1<<64 - 1} {
		p := []byte{0xff, 0xff}
		d.ReadConfig(off, p)
		want := byte(0)
		if off == 36 {
			want = 3
		}
		if p[0] != want || p[1] != 0 {
			t.Errorf("at %d: %x", off, p)
		}
	}
	if sizes := d.QueueSizes(); len(sizes) != 4 || sizes[0] != 64 || sizes[3] != 64 {
		t.Errorf("queues of %v entries", sizes)
	}
	if d.ID() != 26 || d.Features() != 0 || d.Server().Confinement != fswire.Seccomp {
		t.Errorf("device %d, features %#x, server %+v", d.ID(), d.Features(), d.Server())
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"no tag":      {},
		"long tag":    {Tag: strings.Repeat("x", 37)},
		"bad tag":     {Tag: "a\x00b"},
		"not UTF-8":   {Tag: "\xff"},
		"queues":      {Tag: "t", RequestQueues: 65},
		"queue size":  {Tag: "t", QueueSize: 100},
		"in flight":   {Tag: "t", InFlight: -1},
		"no protocol": {Tag: "t"},
	} {
		var server interface{ Write([]byte) (int, error) }
		c.Server, server = sockets(t)
		if _, err := server.Write([]byte("SSH-2.0-OpenSSH_9.2 is not what was asked for")); err != nil {
			t.Fatal(err)
		}
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), `share "`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Config{Tag: "t"}); err == nil {
		t.Error("no server is accepted")
	}
}

func TestRequestsAreRelayed(t *testing.T) {
	for bits := range 16 {
		o := virtqtest.Options{Size: 64, EventIndex: bits&1 != 0, Indirect: bits&2 != 0, InOrder: bits&4 != 0, Packed: bits&8 != 0}
		t.Run(fmt.Sprintf("event=%v indirect=%v inorder=%v packed=%v", o.EventIndex, o.Indirect, o.InOrder, o.Packed), func(t *testing.T) {
			d, s := newTestDevice(t, Config{}, goodHello)
			q := drivers(t, 1, o)
			virtqtest.Activate(t, d, 0, q...)
			go s.echo()
			for _, n := range []int{0, 1, 100, 4096, 1 << 20} {
				m := message(uint64(n), n)
				room := []int{16, 40, n}
				if n == 0 {
					room = room[:2]
				}
				u := q[1].Do(t, [][]byte{m[:40], m[40:]}[:min(2, 1+n)], room)
				want := append(make([]byte, 16), m...)
				if !bytes.Equal(u.Bytes(), want) {
					t.Fatalf("%d bytes: the reply has %d, or is another", n, len(u.Bytes()))
				}
			}
		})
	}
}

// Replies come in an order of their own, in pieces; some are larger than what the
// device reads at once.
func TestRepliesComeInAnyOrder(t *testing.T) {
	for _, inOrder := range []bool{false, true} {
		t.Run(fmt.Sprint("inorder ", inOrder), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			d, s := newTestDevice(t, Config{RequestQueues: 2}, goodHello)
			q := drivers(t, 2, virtqtest.Options{Size: 32, InOrder: inOrder})
			virtqtest.Activate(t, d, 0, q...)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 25 {
					var frames [][]byte
					for range 6 {
						r, err := s.read()
						if err != nil {
							return
						}
						frames = append(frames, frame(r.ID, answer(r)))
					}
					r.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
					for all := bytes.Join(frames, nil); len(all) > 0; {
						n := min(len(all), 1+r.IntN(9000))
						s.write(all[:n])
						all = all[n:]
					}
				}
			}()
			for i := range 25 {
				want := make(map[virtqtest.Token][]byte)
				for j := range 3 {
					for k := 1; k <= 2; k++ {
						m := message(uint64(i*10+j), (i*977+j*5003)%20000)
						token := q[k].Add([][]byte{m}, []int{16, len(m)})
						want[token*10+virtqtest.Token(k)] = append(make([]byte, 16), m...)
						q[k].Kick()
					}
				}
				for range 3 {
					for k := 1; k <= 2; k++ {
						u := q[k].Wait(t)
						key := u.Token*10 + virtqtest.Token(k)
						if !bytes.Equal(u.Bytes(), want[key]) {
							t.Fatalf("reply to request %d of queue %d is another", u.Token, k)
						}
						delete(want, key)
					}
				}
			}
			<-done
		})
	}
}

func TestARequestWithoutRoomGetsNoReply(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	q := drivers(t, 1, virtqtest.Options{})
	virtqtest.Activate(t, d, 0, q...)
	m := message(7, 24)
	if u := q[0].Do(t, [][]byte{m}, nil); u.Written != 0 {
		t.Errorf("%d bytes were written", u.Written)
	}
	if r := s.next(); r.Capacity != 0 || !bytes.Equal(r.body, m) {
		t.Errorf("the server got %+v", r)
	}
	// Room for less than a header: nothing that the server could say.
	if u := q[1].Do(t, [][]byte{m}, []int{15}); u.Written != 0 {
		t.Errorf("%d bytes were written", u.Written)
	}
}

func TestNoMoreRequestsAreUnderWayThanTheServerTakes(t *testing.T) {
	hello := goodHello
	hello.MaxInFlight = 3
	d, s := newTestDevice(t, Config{}, hello)
	q := drivers(t, 1, virtqtest.Options{Size: 32})
	virtqtest.Activate(t, d, 0, q...)
	for i := range 10 {
		q[1].Add([][]byte{message(uint64(i), 0)}, []int{16})
	}
	q[1].Kick()
	// Two: the third is for the high priority queue.
	waiting := []request{s.next(), s.next()}
	q[0].Add([][]byte{message(100, 0)}, []int{16})
	q[0].Kick()
	urgent := s.next()
	if urgent.body[8] != 100 {
		t.Fatalf("a third request of the other queue was sent: %x", urgent.body)
	}
	s.reply(urgent.ID, answer(urgent))
	q[0].Wait(t)
	for range 10 {
		s.reply(waiting[0].ID, answer(waiting[0]))
		waiting = waiting[1:]
		q[1].Wait(t)
		if q[1].Pending() > len(waiting) {
			waiting = append(waiting, s.next())
		}
	}
}

func TestRequestsThatAreWrongAreNotSent(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	q := drivers(t, 1, virtqtest.Options{Size: 32})
	virtqtest.Activate(t, d, 0, q...)
	lie := message(5, 10)
	lie[0]++
	large := message(6, fswire.MaxRequest-39)
	for name, test := range map[string]struct {
		m      []byte
		unique uint64
	}{
		"another length": {lie, 5},
		"half a header":  {message(7, 0)[:39], 7},
		"too large":      {large, 6},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, q[1].Do(t, [][]byte{test.m}, []int{100}), test.unique, unix.EINVAL)
			if u := q[1].Do(t, [][]byte{test.m}, []int{15}); u.Written != 0 {
				t.Errorf("%d bytes were written where a header does not fit", u.Written)
			}
		})
	}
	m := message(8, 0)
	at := q[1].Memory.Alloc(4096)
	if err := q[1].Memory.WriteAt(m, at); err != nil {
		t.Fatal(err)
	}
	for _, buffers := range [][]virtqtest.Buffer{
		{{Addr: 1 << 45, Len: 40}, {Addr: at + 1024, Len: 100, Write: true}},
		{{Addr: at, Len: 40}, {Addr: 1 << 45, Len: 100, Write: true}},
		{{Addr: at, Len: 40}, {Addr: at + 1024, Len: 16, Write: true}, {Addr: 64<<20 - 1, Len: 2, Write: true}},
	} {
		q[1].AddBuffers(buffers...)
		q[1].Kick()
		q[1].Wait(t)
	}
	go s.echo()
	if u := q[1].Do(t, [][]byte{m}, []int{16}); u.Written != 16 {
		t.Errorf("a good request after all these: %d bytes", u.Written)
	}
}

func TestADriverThatBreaksTheRingBreaksTheDevice(t *testing.T) {
	d, _ := newTestDevice(t, Config{}, goodHello)
	q := drivers(t, 1, virtqtest.Options{})
	a := virtqtest.Activate(t, d, 0, q...)
	at := q[1].Memory.Alloc(64)
	q[1].AddBuffers(virtqtest.Buffer{Addr: at, Len: 16, Write: true}, virtqtest.Buffer{Addr: at, Len: 40})
	q[1].Kick()
	if err := a.WaitBroken(t); err == nil {
		t.Error("no reason")
	}
}

func TestWithoutAServerRequestsFailAndTheDeviceGoesOn(t *testing.T) {
	for name, end := range map[string]func(s *server, r request){
		"gone":                 func(s *server, r request) { s.conn.Close() },
		"half a header":        func(s *server, r request) { s.write(make([]byte, 7)); s.conn.Close() },
		"half a reply":         func(s *server, r request) { s.write(frame(r.ID, answer(r))[:30]); s.conn.Close() },
		"half a large reply":   func(s *server, r request) { s.write(frame(r.ID, answer(r))[:9000]); s.conn.Close() },
		"a reply to nothing":   func(s *server, r request) { s.reply(r.ID+1<<16, answer(r)) },
		"a reply to no slot":   func(s *server, r request) { s.reply(r.ID|0xffff, answer(r)) },
		"a reply too long":     func(s *server, r request) { s.reply(r.ID, make([]byte, r.Capacity+1)) },
		"a reply of no length": func(s *server, r request) { s.reply(r.ID, nil) },
		"the longest reply":    func(s *server, r request) { s.reply(r.ID, make([]byte, fswire.MaxReply)) },
		"not a reply":          func(s *server, r request) { s.write(bytes.Repeat([]byte{0xff}, 16)) },
	} {
		t.Run(name, func(t *testing.T) {
			d, s := newTestDevice(t, Config{}, goodHello)
			q := drivers(t, 1, virtqtest.Options{Size: 32})
			virtqtest.Activate(t, d, 0, q...)
			if err := d.Err(); err != nil {
				t.Errorf("there is a server, and %v", err)
			}
			for i := range 3 {
				q[1].Add([][]byte{message(uint64(i), 10000)}, []int{16, 10040})
			}
			q[1].Kick()
			r := s.next()
			end(s, r)
			for range 3 {
				u := q[1].Wait(t)
				wantError(t, u, uint64(u.Token-1), unix.ENOTCONN)
			}
			if err := s.report(); err == nil || d.Err() == nil || err.Error() != d.Err().Error() {
				t.Errorf("reported %v, and says %v", err, d.Err())
			}
			wantError(t, q[1].Do(t, [][]byte{message(9, 0)}, []int{100}), 9, unix.ENOTCONN)
			if u := q[0].Do(t, [][]byte{message(9, 8)}, nil); u.Written != 0 {
				t.Errorf("%d bytes were written", u.Written)
			}
			d.Pause()
			d.Resume()
			wantError(t, q[1].Do(t, [][]byte{message(10, 0)}, []int{100}), 10, unix.ENOTCONN)
		})
	}
}

func TestASecondReplyEndsTheConnection(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	q := drivers(t, 1, virtqtest.Options{})
	virtqtest.Activate(t, d, 0, q...)
	q[1].Add([][]byte{message(1, 0)}, []int{16})
	q[1].Kick()
	r := s.next()
	s.reply(r.ID, answer(r))
	q[1].Wait(t)
	s.reply(r.ID, answer(r))
	if err := s.report(); !strings.Contains(err.Error(), "no such request") {
		t.Error(err)
	}
}

func TestAPausedDeviceTouchesNothing(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	q := drivers(t, 1, virtqtest.Options{})
	virtqtest.Activate(t, d, 0, q...)
	q[1].Add([][]byte{message(1, 0)}, []int{16})
	q[1].Kick()
	r := s.next()
	paused := make(chan struct{})
	go func() {
		d.Pause()
		close(paused)
	}()
	// The pause waits for the reply.
	devicestest.Eventually(t, "the pause to begin", func() bool {
		d.slots.mu.Lock()
		defer d.slots.mu.Unlock()
		return d.slots.stopped
	})
	select {
	case <-paused:
		t.Error("paused with a request under way")
	default:
	}
	s.reply(r.ID, answer(r))
	<-paused
	if u, ok := q[1].Poll(); !ok || u.Written != 16 {
		t.Error("paused, and the request is not done")
	}
	q[1].Add([][]byte{message(2, 0)}, []int{16})
	q[1].Kick()
	if _, ok := q[1].Poll(); ok || len(d.slots.free) != len(d.slots.all) {
		t.Error("a paused device took a request")
	}
	d.Pause()
	d.Resume()
	r = s.next()
	s.reply(r.ID, answer(r))
	q[1].Wait(t)
}

func TestAPauseDoesNotWaitForEver(t *testing.T) {
	d, s := newTestDevice(t, Config{PauseDeadline: 20 * time.Millisecond}, goodHello)
	q := drivers(t, 1, virtqtest.Options{})
	virtqtest.Activate(t, d, 0, q...)
	q[1].Add([][]byte{message(1, 0)}, []int{16})
	q[1].Kick()
	r := s.next()
	d.Pause()
	if err := s.report(); !strings.Contains(err.Error(), "1 requests") {
		t.Error(err)
	}
	s.reply(r.ID, answer(r))
	// The reply has to wait until the guest is to see it.
	if _, ok := q[1].Poll(); ok {
		t.Error("a paused device answered")
	}
	d.Resume()
	q[1].Wait(t)
	if d.Err() != nil {
		t.Error(d.Err())
	}
}

// A server that does not read is given up when the device has to stop.
func TestAServerThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	for _, stop := range []string{"pause", "deactivate"} {
		t.Run(stop, func(t *testing.T) {
			d, s := newTestDevice(t, Config{PauseDeadline: 20 * time.Millisecond}, goodHello)
			q := drivers(t, 1, virtqtest.Options{Size: 16})
			a := virtqtest.Activate(t, d, 0, q...)
			for i := range 6 {
				q[1].Add([][]byte{message(uint64(i), 1<<20)}, []int{16})
			}
			q[1].Kick()
			devicestest.Eventually(t, "a request to be sent", func() bool {
				d.slots.mu.Lock()
				defer d.slots.mu.Unlock()
				return len(d.slots.free) < len(d.slots.all)
			})
			if stop == "deactivate" {
				a.Deactivate()
			} else {
				d.Pause()
				d.Resume()
				for range 6 {
					u := q[1].Wait(t)
					wantError(t, u, uint64(u.Token-1), unix.ENOTCONN)
				}
			}
			for s.report() == nil || d.Err() == nil {
				t.Error("nothing is wrong")
			}
		})
	}
}

// Replies to requests of an activation that has ended are dropped, and do not
// reach the next.
func TestRepliesToAnEarlierActivationAreDropped(t *testing.T) {
	for _, inOrder := range []bool{false, true} {
		d, s := newTestDevice(t, Config{}, goodHello)
		var stale []request
		for i := range 4 {
			q := drivers(t, 1, virtqtest.Options{Size: 64, InOrder: inOrder})
			a := virtqtest.Activate(t, d, 0, q...)
			if i > 0 {
				q[1].Add([][]byte{message(uint64(i), 0)}, []int{16, 40})
				q[1].Kick()
				r := s.next()
				for _, old := range stale {
					s.reply(old.ID, bytes.Repeat([]byte{0xee}, int(old.Capacity)))
				}
				s.reply(r.ID, answer(r))
				if u := q[1].Wait(t); !bytes.Equal(u.Bytes(), answer(r)) {
					t.Errorf("the reply is %x", u.Bytes())
				}
				stale = nil
			}
			for j := range 5 {
				q[1].Add([][]byte{message(uint64(j), 0)}, []int{16, 40 + j*5000})
			}
			q[1].Kick()
			for j := range 5 {
				r := s.next()
				if j == 3 {
					s.reply(r.ID, answer(r)) // that may wait for its turn
				} else {
					stale = append(stale, r)
				}
			}
			a.Deactivate()
		}
		if d.Err() != nil {
			t.Error(d.Err())
		}
		for _, old := range stale {
			s.reply(old.ID, answer(old))
		}
		devicestest.Eventually(t, "all slots to be free", func() bool {
			d.slots.mu.Lock()
			defer d.slots.mu.Unlock()
			return len(d.slots.free) == len(d.slots.all)
		})
	}
}

func TestPausesAmongRequests(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	q := drivers(t, 1, virtqtest.Options{Size: 64, EventIndex: true})
	virtqtest.Activate(t, d, 0, q...)
	go s.echo()
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			d.Pause()
			d.Resume()
		}
	}()
	for i := range 300 {
		m := message(uint64(i), i*13)
		if u := q[1].Do(t, [][]byte{m}, []int{16, len(m)}); !bytes.Equal(u.Bytes()[16:], m) {
			t.Fatalf("request %d: another reply", i)
		}
	}
	stop.Store(true)
	<-done
}

func TestAClosedDeviceReportsNothing(t *testing.T) {
	d, s := newTestDevice(t, Config{}, goodHello)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if len(s.reports) > 0 || d.Err() != nil {
		t.Errorf("reported %d times, %v", len(s.reports), d.Err())
	}
}
