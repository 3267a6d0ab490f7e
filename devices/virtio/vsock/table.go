package vsock

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices"
)

// Ports of the host's end of connections to the guest. A session begins anywhere
// in them, so that connections of a machine that was restored do not meet what
// the guest still believes in.
const (
	firstHostPort = 1 << 30
	hostPorts     = 1 << 30
)

// What can come of a connection.
var (
	errRefused = fmt.Errorf("the guest refused: %w", syscall.ECONNREFUSED)
	errReset   = fmt.Errorf("the guest is gone: %w", syscall.ECONNRESET)
	errFull    = errors.New("too many connections")
	errLeft    = errors.New("the client has left")
)

// socketEvents are what is of interest of a socket always; EPOLLOUT comes to it
// while there is a backlog.
const socketEvents = unix.EPOLLIN | unix.EPOLLRDHUP

// streams are a session's connections.
type streams struct {
	table    map[key]*stream
	slots    []*stream // nil where free
	free     []int32   // slots
	serial   int32
	count    int // of slots in use
	budget   budget
	nextPort uint32

	waiting []deadline // for RST, the next to pass first
	timer   devices.Timer
}

// add makes a connection, and returns nil where there may be no more.
func (s *session) add(k key, p phase) *stream {
	if s.count >= s.device.config.Connections {
		return nil
	}
	slot := int32(len(s.slots))
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.slots = append(s.slots, nil)
	}
	s.serial++
	st := &stream{key: k, tag: tag{slot, s.serial}, phase: p, fd: -1, window: s.budget.take()}
	s.slots[slot] = st
	s.table[k] = st
	s.count++
	s.device.stats.connections.Add(1)
	return st
}

// find returns the connection that t was given to, if it is still there.
func (s *session) find(t tag) *stream {
	if t.slot < 0 || int(t.slot) >= len(s.slots) {
		return nil
	}
	if st := s.slots[t.slot]; st != nil && st.tag == t {
		return st
	}
	return nil
}

// attach gives a connection its socket, which from then on is closed with it.
func (s *session) attach(st *stream, fd int) error {
	if err := s.poll.add(fd, st.tag, socketEvents); err != nil {
		_ = unix.Close(fd)
		return err
	}
	st.fd = fd
	return nil
}

// hostKey finds a free port of the host's for a connection to the guest's.
func (s *session) hostKey(guest uint32) key {
	for {
		k := key{host: s.nextPort, guest: guest}
		if s.nextPort++; s.nextPort >= firstHostPort+hostPorts {
			s.nextPort = firstHostPort
		}
		if _, taken := s.table[k]; !taken {
			return k // there are far fewer connections than ports
		}
	}
}

// leave takes a connection out of the table: for the guest there is none any
// more. What waits for the answer hears of err.
func (s *session) leave(st *stream, err error) {
	if s.table[st.key] == st {
		delete(s.table, st.key)
	}
	st.phase, st.owes, st.shut = gone, 0, st.shutTold
	if st.cancel != nil {
		st.cancel()
		st.cancel = nil
	}
	st.conclude(err)
}

// forget ends a connection. Nothing is sent.
func (s *session) forget(st *stream, err error) {
	s.leave(st, err)
	s.closeSocket(st)
	if s.slots[st.tag.slot] != st {
		return
	}
	s.slots[st.tag.slot] = nil
	s.free = append(s.free, st.tag.slot)
	s.budget.put(st.window)
	s.count--
	s.device.stats.connections.Add(-1)
}

// closeSocket lets go of the host's socket and of what it has not taken.
func (s *session) closeSocket(st *stream) {
	if st.backlog.n > 0 {
		st.backlog.drop(st.backlog.n)
	}
	st.inDone, st.outDone = true, true
	if st.fd < 0 {
		return
	}
	s.poll.remove(st.fd)
	_ = unix.Close(st.fd)
	st.fd = -1
}

// detach ends a connection for the guest, whose last words still go out.
func (s *session) detach(st *stream, err error) {
	if st.backlog.n == 0 {
		s.forget(st, err)
		return
	}
	s.leave(st, err)
	s.endInput(st)
}

// detachAll is detach for all connections.
func (s *session) detachAll(err error) {
	for _, st := range s.slots {
		if st != nil && st.phase != gone {
			st.markReset()
			s.detach(st, err)
		}
	}
	s.resets = nil
	s.stopTimer()
}

// endConnected is detach for the connections that the guest may take for
// connected: those that it waits for an answer to, and those that it has not
// heard of, are not.
func (s *session) endConnected() {
	for _, st := range s.slots {
		switch {
		case st == nil, st.phase == gone, st.phase == dead, st.phase == dialing:
		case st.owes&owesResponse != 0, st.phase == asking && !st.asked:
		default:
			st.markReset()
			s.detach(st, errReset)
		}
	}
}

// dropAll ends all connections, and their last words.
func (s *session) dropAll(err error) {
	s.detachAll(err)
	for _, st := range s.slots {
		if st != nil {
			s.forget(st, err)
		}
	}
}

// abort ends a connection with RST, for what the guest or the host did to it.
func (s *session) abort(st *stream, err error) {
	st.markReset()
	st.conclude(err)
	s.closeSocket(st)
	s.bury(st)
}

// bury makes a RST the last thing that the guest hears of a connection.
func (s *session) bury(st *stream) {
	st.phase, st.owes, st.shut = dead, owesReset, st.shutTold
	if st.cancel != nil {
		st.cancel()
		st.cancel = nil
	}
	s.wantControl(st)
}
