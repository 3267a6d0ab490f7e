package vsock

import (
	"slices"
	"time"
)

// closeTimeout is how long the guest has to answer a SHUTDOWN with RST before it
// gets a RST itself (section 5.10.6.6).
const closeTimeout = 8 * time.Second

// deadline is that of one connection.
type deadline struct {
	tag tag
	at  time.Time
}

// awaitReset gives the guest its time to answer a SHUTDOWN.
func (s *session) awaitReset(st *stream) {
	if len(s.waiting) > 2*s.device.config.Connections {
		s.waiting = slices.DeleteFunc(s.waiting, func(d deadline) bool { return s.find(d.tag) == nil })
	}
	s.waiting = append(s.waiting, deadline{st.tag, s.device.config.Clock.Now().Add(closeTimeout)})
	s.startTimer()
}

func (s *session) startTimer() {
	if s.timer != nil || len(s.waiting) == 0 {
		return
	}
	clock := s.device.config.Clock
	s.timer = clock.AfterFunc(s.waiting[0].at.Sub(clock.Now()), func() {
		s.post(func() {
			s.timer = nil
			s.expire()
		})
	})
}

func (s *session) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.waiting = nil
}

// expire ends the connections whose guest did not answer in time.
func (s *session) expire() {
	if s.paused {
		return // a guest that does not run cannot answer: see restartDeadlines
	}
	now := s.device.config.Clock.Now()
	for len(s.waiting) > 0 && !s.waiting[0].at.After(now) {
		st := s.find(s.waiting[0].tag)
		s.waiting = s.waiting[1:]
		if st != nil && st.phase == closing {
			s.bury(st)
		}
	}
	s.startTimer()
}

// restartDeadlines gives everyone their time anew after a pause.
func (s *session) restartDeadlines() {
	waiting := s.waiting
	s.stopTimer()
	for _, d := range waiting {
		if st := s.find(d.tag); st != nil && st.phase == closing {
			s.awaitReset(st)
		}
	}
}
