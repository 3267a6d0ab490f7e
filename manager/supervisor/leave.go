package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// leave writes down the end of a machine that another host has, or may have.
func (s *supervisor) leave(ctx context.Context, r *run) error {
	next := s.state
	peer := "another host"
	if next.Migration != nil {
		peer = next.Migration.Peer
	}
	exit := instance.Exit{Reason: instance.Migrated, Detail: fmt.Sprintf("it runs on %s", peer)}
	if r.gone == nil {
		exit = instance.Exit{Code: instance.CodeKilled, Reason: instance.Lost, Detail: fmt.Sprintf("it was handed over to %s, and ended here before that was heard of", peer)}
	}
	if err := next.End(exit, time.Now()); err != nil {
		return fmt.Errorf("instance %s: end: %w", instance.ShortID(s.ID), err)
	}
	next.ByUser = true // nobody is to start it again
	if err := s.mustPut(ctx, next); err != nil {
		return err
	}
	if r.gone != nil && !s.keep {
		s.Left()
	}
	for _, a := range r.movers {
		state := next
		a.reply <- &Reply{State: &state, Migrated: r.gone}
	}
	s.tellEnd(exit)
	return nil
}
