package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// maxPartial is how many bytes of commands that are not complete yet a session
// may hold.
const maxPartial = 16 << 20

// errBye says that the client ended the session in order.
var errBye = errors.New("bye")

// session is one client's time on a pipe. Only the reader of the pipe uses it,
// but for jobs.
type session struct {
	server *Server
	out    *outbox
	number uint64 // by which out knows the session

	partial      map[uint32][]byte // commands that are not complete
	partialBytes int

	mu   sync.Mutex
	jobs map[uint32]*job
}

func newSession(s *Server, out *outbox, number uint64) *session {
	return &session{
		server: s, out: out, number: number,
		partial: make(map[uint32][]byte),
		jobs:    make(map[uint32]*job),
	}
}

func (s *session) send(f *frame) error { return s.out.send(s.number, f) }

// read acts on frames until the session is over: by a new hello, which it
// returns, or else by an error. It never waits for anything but the pipe.
func (s *session) read(fr *frameReader) (*hello, error) {
	for {
		f, h, err := fr.next(magicClient)
		if err != nil || h != nil {
			return h, err
		}
		if err := s.take(f); err != nil {
			return nil, err
		}
		if s.out.isFlooded() {
			return nil, fmt.Errorf("the client asks and does not read the answers: %w", errGarbage)
		}
	}
}

func (s *session) take(f *frame) error {
	switch f.kind {
	case typePing:
		return ignoreOver(s.send(&frame{kind: typePong, payload: f.payload}))
	case typeBye:
		return errBye
	case typeSpawn:
		return s.spawn(f)
	case typeData, typeClose, typeCredit, typeSignal, typeResize:
		s.mu.Lock()
		j := s.jobs[f.process]
		s.mu.Unlock()
		if j == nil {
			return nil // it has just ended
		}
		return j.take(f)
	}
	return fmt.Errorf("type %#x from a client: %w", uint8(f.kind), errGarbage)
}

// ignoreOver drops the error of a flooded outbox, which read sees by itself.
func ignoreOver(err error) error {
	if errors.Is(err, errSessionOver) {
		return nil
	}
	return err
}

// spawn takes a piece of a command, and starts it when it was the last.
func (s *session) spawn(f *frame) error {
	s.mu.Lock()
	used, running := s.jobs[f.process] != nil, len(s.jobs)
	s.mu.Unlock()
	if used {
		return fmt.Errorf("process number %d used twice: %w", f.process, errGarbage)
	}
	whole := f.payload
	if old, ok := s.partial[f.process]; ok || f.more {
		switch {
		case len(old)+len(f.payload) > maxSpawn:
			return fmt.Errorf("command of more than %d bytes: %w", maxSpawn, errGarbage)
		case s.partialBytes+len(f.payload) > maxPartial, !ok && len(s.partial) >= maxProcesses:
			return fmt.Errorf("too many commands begun: %w", errGarbage)
		}
		whole = append(old, f.payload...)
		s.partial[f.process] = whole
		s.partialBytes += len(f.payload)
		if f.more {
			return nil
		}
		delete(s.partial, f.process)
		s.partialBytes -= len(whole)
	}
	req, err := decodeSpawn(whole)
	if err != nil {
		return err
	}
	j := newJob(s, f.process, req)
	if running >= maxProcesses || !s.server.enter(j) {
		s.refuse(f.process, fmt.Errorf("too many processes run already: %w", unix.EAGAIN))
		return nil
	}
	s.mu.Lock()
	s.jobs[f.process] = j
	s.mu.Unlock()
	go j.run(req)
	return nil
}

// refuse answers that a process could not be started, and why.
func (s *session) refuse(process uint32, err error) {
	var errno unix.Errno
	errors.As(err, &errno)
	payload := binary.LittleEndian.AppendUint32(nil, uint32(errno))
	text := err.Error()
	if most := int(payloadLimits[typeRefused].max) - len(payload); len(text) > most {
		text = text[:most]
	}
	_ = s.send(&frame{kind: typeRefused, process: process, payload: append(payload, text...)})
}

// forget frees a process's number.
func (s *session) forget(process uint32) {
	s.mu.Lock()
	delete(s.jobs, process)
	s.mu.Unlock()
}

// end ends or leaves alone the processes of the session (section 5).
func (s *session) end() {
	s.mu.Lock()
	jobs := s.jobs
	s.jobs = make(map[uint32]*job)
	s.mu.Unlock()
	for _, j := range jobs {
		if j.killOnDisconnect {
			j.kill()
		}
		j.detach()
	}
}
