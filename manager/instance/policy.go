package instance

import "github.com/hullvm/hull/configs"

// Again reports whether an instance that ended is to be started again by its
// policy: after so many tries in a row, and not by a user's will.
func Again(p configs.RestartPolicy, e Exit, tries int) bool {
	switch p.Mode() {
	case configs.RestartAlways, configs.RestartUnlessStopped:
		return true
	case configs.RestartOnFailure:
		return e.Code != 0 && (p.Tries() == 0 || tries < p.Tries())
	default:
		return false
	}
}

// AgainAfterLoss reports whether an instance whose supervisor is gone is to be
// started again when the host's manager looks after them all.
func AgainAfterLoss(p configs.RestartPolicy, s *State) bool {
	if s.Status != Exited || s.Gone() {
		return false
	}
	switch p.Mode() {
	case configs.RestartAlways:
		return true
	case configs.RestartUnlessStopped:
		return !s.ByUser
	case configs.RestartOnFailure:
		return s.Exit.Reason == Lost && (p.Tries() == 0 || s.Restarts < p.Tries())
	default:
		return false
	}
}
