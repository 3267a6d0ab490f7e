package main

import (
	"fmt"
	"time"

	"github.com/docker/go-units"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// Words for instances that none of the statuses describes.
const (
	stateRestarting = "restarting"
	stateUnreadable = "unreadable"
)

// stateWord is where an instance stands, in one word.
func stateWord(s *manager.Summary) string {
	switch {
	case s.Problem != "":
		return stateUnreadable
	case s.State.Restarting:
		return stateRestarting
	default:
		return string(s.State.Status)
	}
}

// statusText is where an instance stands, and for how long.
func statusText(s *manager.Summary, now time.Time) string {
	st := &s.State
	switch {
	case s.Problem != "":
		return "Unreadable"
	case st.Restarting:
		return fmt.Sprintf("Restarting (%d) %s", exitCode(st), ago(st.Finished, now))
	case st.Status == instance.Created:
		return "Created"
	case st.Status == instance.Exited:
		return fmt.Sprintf("Exited (%d) %s", exitCode(st), ago(st.Finished, now))
	case st.Status == instance.Receiving:
		return "Receiving"
	case st.Status == instance.HandedOver:
		return "Handed over to " + peerHost(st)
	}
	text := "Up " + units.HumanDuration(since(st.Started, now))
	switch st.Status {
	case instance.Paused:
		text += " (Paused)"
	case instance.Stopping:
		text += " (Stopping)"
	}
	if s.Unconfined {
		text += " (no jail)"
	}
	return text
}

// maxPeer bounds another host in a column, in runes.
const maxPeer = 24

// peerHost is peerText without the port, as a column has place for it.
func peerHost(st *instance.State) string {
	text := peerText(st)
	if a, err := manager.MoveAddress(text); err == nil && !a.IsUnix() {
		text = a.Host
	}
	return cutRunes(text, maxPeer)
}

func exitCode(st *instance.State) int {
	if st.Exit == nil {
		return 0
	}
	return st.Exit.Code
}

func ago(t, now time.Time) string { return units.HumanDuration(since(t, now)) + " ago" }

// since is how long ago something was; a clock that was set back makes it now.
func since(t, now time.Time) time.Duration { return max(now.Sub(t), 0) }
