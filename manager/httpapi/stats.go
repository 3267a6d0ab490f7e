package httpapi

import (
	"context"
	"net/http"
	"time"
)

// StatsQuery says how to measure.
type StatsQuery struct {
	Stream   bool      `query:"stream" doc:"measure again and again"`
	Interval *Duration `query:"interval" doc:"between two measurements: 100ms to 1h, 1s where it is missing"`
}

// Bounds of the time between two measurements.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = time.Hour
)

func (q *StatsQuery) interval() (time.Duration, error) {
	if q.Interval == nil {
		return time.Second, nil
	}
	d := time.Duration(*q.Interval)
	switch {
	case !q.Stream:
		return 0, invalid("query parameter %q: it means something with stream=true only", "interval")
	case d < minInterval || d > maxInterval:
		return 0, invalid("query parameter %q: %v is not between %v and %v", "interval", d, minInterval, maxInterval)
	}
	return d, nil
}

func stats(s *Server, w http.ResponseWriter, c *call[StatsQuery, none]) error {
	interval, err := c.query.interval()
	if err != nil {
		return err
	}
	first, err := s.engine.Stats(c.ctx(), c.ref)
	if err != nil {
		return err
	}
	if !c.query.Stream {
		writeJSON(w, http.StatusOK, first)
		return nil
	}
	out := s.lines(w, mediaLines)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for now := first; ; {
		if out.write(StatsLine{Stats: now}) != nil {
			return nil
		}
		select {
		case <-tick.C:
			now, err = s.engine.Stats(c.ctx(), c.ref)
		case <-c.ctx().Done():
			err = context.Cause(c.ctx())
		}
		if err != nil {
			f := failureOf(c.ctx(), err)
			_ = out.write(StatsLine{Error: &f})
			return nil
		}
	}
}
