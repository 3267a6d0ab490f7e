package vsock

// post hands f to the session's goroutine, and reports false where that has ended.
func (s *session) post(f func()) bool {
	s.mailMu.Lock()
	defer s.mailMu.Unlock()
	if s.over {
		return false
	}
	if s.mail = append(s.mail, f); len(s.mail) == 1 {
		_ = s.waker.Signal()
		s.posted.Signal()
	}
	return true
}

// call is post that waits until f was done.
func (s *session) call(f func()) {
	done := make(chan struct{})
	if s.post(func() { defer close(done); f() }) {
		<-done
	}
}

func (s *session) takeMail() []func() {
	s.mailMu.Lock()
	defer s.mailMu.Unlock()
	mail := s.mail
	s.mail = nil
	return mail
}

// awaitMail waits for mail without the poller.
func (s *session) awaitMail() {
	s.mailMu.Lock()
	defer s.mailMu.Unlock()
	for len(s.mail) == 0 {
		s.posted.Wait()
	}
}

// finish answers those who came too late.
func (s *session) finish() {
	s.mailMu.Lock()
	s.over = true
	mail := s.mail
	s.mail = nil
	s.mailMu.Unlock()
	for _, f := range mail {
		f()
	}
}
