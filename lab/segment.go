package lab

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of a segment.
const (
	minFrame = 14       // bytes: two addresses and a type
	maxFrame = 66 << 10 // bytes; the emulator's is 69632, no device here has an MTU beyond 64 KiB

	// peerQueue is how many frames may wait for a host that is slow. More are lost,
	// as a switch loses them.
	peerQueue = 512

	// memberTime is how long the list of hosts is believed.
	memberTime = time.Second
)

// segment is a keeper's part of the network that its host is on. There is no middle:
// each keeper has a socket in its host's directory, and sends its host's frames to the
// sockets of the others. So hosts may come, die and come again in any order, and only
// who can enter the directory can join.
type segment struct {
	state, network string
	own            int

	emulator *net.UnixConn // our end; a message is a frame
	inbox    *net.UnixConn // frames from the others

	hosts   map[int]*peer // used by fromEmulator only
	looked  time.Time
	running sync.WaitGroup
}

// peer is another host of the segment.
type peer struct {
	dir    string
	frames chan []byte
}

// join makes a host's part of its network, and returns the emulator's end.
func (k *keeper) join() (*os.File, error) {
	s, theirs, err := newSegment(k.dir, k.spec.Network, k.spec.Number)
	if err != nil {
		return nil, fmt.Errorf("lab host %q: network %q: %w", k.spec.Name, k.spec.Network, err)
	}
	k.segment = s
	return theirs, nil
}

func newSegment(dir, network string, own int) (*segment, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "segment"), os.NewFile(uintptr(fds[1]), "segment")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	s := &segment{
		state: filepath.Dir(dir), network: network, own: own,
		emulator: conn.(*net.UnixConn), hosts: make(map[int]*peer),
	}
	err = socketPath(dir, netSocket, func(path string) error {
		s.inbox, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		return err
	})
	if err != nil {
		s.emulator.Close()
		theirs.Close()
		return nil, nil, fmt.Errorf("%s: listen: %w", netSocket, err)
	}
	s.running.Go(s.fromEmulator)
	s.running.Go(s.fromOthers)
	return s, theirs, nil
}

// close ends the host's part. The socket's name goes with the directory.
func (s *segment) close() {
	s.emulator.Close()
	s.inbox.Close()
	s.running.Wait()
}

// fromOthers hands the host what others send. The emulator takes it as fast as its
// host does; meanwhile the others keep it.
func (s *segment) fromOthers() {
	frame := make([]byte, maxFrame+1)
	for {
		n, err := s.inbox.Read(frame)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < minFrame || n > maxFrame {
			continue
		}
		if _, err := s.emulator.Write(frame[:n]); errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// fromEmulator sends what the host sends: to the one host that a frame is for, or to
// all, where it is for all or for nobody that is known. Hosts have guests of their own
// on the segment.
func (s *segment) fromEmulator() {
	defer func() {
		for _, p := range s.hosts {
			close(p.frames)
		}
	}()
	buffer := make([]byte, maxFrame+1)
	for {
		n, err := s.emulator.Read(buffer)
		if err != nil {
			return // closed, or the emulator is gone, and with it the host
		}
		if n < minFrame || n > maxFrame {
			continue
		}
		s.look()
		frame := slices.Clone(buffer[:n])
		if [5]byte(frame) == macPrefix {
			if p := s.hosts[int(frame[5])]; p != nil {
				p.take(frame)
			}
			continue
		}
		for _, p := range s.hosts {
			p.take(frame)
		}
	}
}

// look learns which hosts there are, now and then.
func (s *segment) look() {
	if time.Since(s.looked) < memberTime {
		return
	}
	now := members(s.state, s.network)
	delete(now, s.own)
	for number, p := range s.hosts {
		if dir := filepath.Join(s.state, now[number]); now[number] == "" || dir != p.dir {
			close(p.frames)
			delete(s.hosts, number)
		}
	}
	for number, name := range maps.All(now) {
		if s.hosts[number] == nil {
			p := &peer{dir: filepath.Join(s.state, name), frames: make(chan []byte, peerQueue)}
			s.hosts[number] = p
			s.running.Go(p.send)
		}
	}
	s.looked = time.Now()
}

func (p *peer) take(frame []byte) {
	select {
	case p.frames <- frame:
	default:
	}
}

// send sends a host what waits for it. One that is not there, or died and came again
// since, is looked for anew, but not for each frame.
func (p *peer) send() {
	var conn *net.UnixConn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	var tried time.Time
	for frame := range p.frames {
		if conn == nil {
			if time.Since(tried) < memberTime/10 {
				continue
			}
			tried = time.Now()
			if conn = p.dial(); conn == nil {
				continue
			}
		}
		// One that is full is waited for, but not for ever: what waits is lost then.
		_ = conn.SetWriteDeadline(time.Now().Add(memberTime)) // a socket has deadlines
		if _, err := conn.Write(frame); errors.Is(err, os.ErrDeadlineExceeded) {
			p.drop()
		} else if err != nil {
			conn.Close()
			conn = nil
		}
	}
}

// drop forgets what waits.
func (p *peer) drop() {
	for range len(p.frames) {
		<-p.frames // only send takes from it
	}
}

// dial connects to a host's socket: only a connected one says when there is room.
func (p *peer) dial() *net.UnixConn {
	var conn *net.UnixConn
	err := socketPath(p.dir, netSocket, func(path string) (err error) {
		conn, err = net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
		return err
	})
	if err != nil {
		return nil
	}
	return conn
}
