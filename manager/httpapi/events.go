package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hullvm/hull/manager/events"
)

// EventQuery chooses events.
type EventQuery struct {
	Since  *Moment `query:"since" doc:"also what happened since then; the present where it is missing"`
	Until  *Moment `query:"until"`
	Follow *bool   `query:"follow" doc:"false ends with what has happened"`
	Filter filters `query:"filter" doc:"NAME=VALUE, any number of times: event, image, instance, label"`
}

// eventFilters are those of package events.
var eventFilters = []string{"event", "image", "instance", "label"}

func (q *EventQuery) options(now time.Time) (events.Options, error) {
	o := events.Options{Follow: q.Follow == nil || *q.Follow, Filters: q.Filter}
	for name := range q.Filter {
		if !slices.Contains(eventFilters, name) {
			return o, invalid("filter %.80q: there are %s", name, strings.Join(eventFilters, ", "))
		}
	}
	switch {
	case q.Since != nil:
		o.Since = q.Since.Time
	case o.Follow:
		// The client may cause an event as soon as it has the answer's beginning.
		o.Since = now
	}
	if q.Until != nil {
		o.Until = q.Until.Time
	}
	return o, nil
}

func readEvents(s *Server, w http.ResponseWriter, c *call[EventQuery, none]) error {
	o, err := c.query.options(time.Now())
	if err != nil {
		return err
	}
	var after *position
	if id := c.Header.Get("Last-Event-ID"); id != "" {
		if after, err = parsePosition(id); err != nil {
			return invalid("header Last-Event-ID: %w", err)
		}
		o.Since = after.time
	}
	out := s.lines(w, mediaEvents)
	if out.raw([]byte(": hull\n\n")) != nil {
		return nil
	}
	s.sendEvents(c.ctx(), out, func(ctx context.Context) iter.Seq2[events.Event, error] {
		return after.skip(s.engine.Events(ctx, o))
	})
	return nil
}

// sendEvents writes events as they come, and a comment where none comes for some
// time, by which both ends notice that the other is gone.
func (s *Server) sendEvents(ctx context.Context, out *lines, read func(context.Context) iter.Seq2[events.Event, error]) {
	ctx, cancel := context.WithCancel(ctx)
	next := make(chan []byte)
	defer func() {
		cancel()
		for range next { // until the reader has ended
		}
	}()
	go func() {
		defer close(next)
		defer s.survive("events") // the stream ends, and the server does not
		for e, err := range read(ctx) {
			text := sseEvent(&e)
			if err != nil {
				if gone(ctx) {
					return
				}
				text = sseFailure(ctx, err)
			}
			select {
			case next <- text:
			case <-ctx.Done():
				return
			}
		}
	}()
	quiet := time.NewTicker(s.o.Heartbeat)
	defer quiet.Stop()
	for {
		text := []byte(":\n\n")
		select {
		case t, more := <-next:
			if !more {
				return
			}
			text = t
		case <-quiet.C:
		}
		if out.raw(text) != nil {
			return
		}
	}
}

// sseEvent is an event in the form of text/event-stream.
func sseEvent(e *events.Event) []byte {
	data, err := json.Marshal(e)
	if err != nil {
		return sseFailure(context.Background(), err)
	}
	return fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", positionOf(e), oneLine(e.Action), data)
}

// oneLine is a word that ends no field of an event stream.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return '_'
		}
		return r
	}, s)
}

// sseFailure is an error: one that reading goes on after is a warning.
func sseFailure(ctx context.Context, err error) []byte {
	name := "error"
	if events.GoesOn(err) {
		name = "warning"
	}
	data, _ := json.Marshal(failureOf(ctx, err)) // of strings
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
}

// position is where a client's stream ended: the time of the last event, and the
// beginning of its hash, as there may be several of one time.
type position struct {
	time time.Time
	hash string
}

const hashLength = 16 // hexadecimal digits

func positionOf(e *events.Event) *position {
	b, _ := json.Marshal(e) // of strings and a time that was read
	sum := sha256.Sum256(b)
	return &position{e.Time, hex.EncodeToString(sum[:])[:hashLength]}
}

func (p *position) String() string { return fmt.Sprintf("%d-%s", p.time.UnixNano(), p.hash) }

func parsePosition(id string) (*position, error) {
	nanos, hash, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(nanos, 10, 64)
	if raw, e := hex.DecodeString(hash); err != nil || n < 0 || e != nil || 2*len(raw) != hashLength {
		return nil, errors.New("it is none of this server's ids")
	}
	return &position{time.Unix(0, n).UTC(), hash}, nil
}

// skip leaves out what came up to the position, and that itself. Where the journal
// does not have it any more nothing is left out.
func (p *position) skip(all iter.Seq2[events.Event, error]) iter.Seq2[events.Event, error] {
	if p == nil {
		return all
	}
	return func(yield func(events.Event, error) bool) {
		var held []events.Event // of that very time, before it
		passed := false
		flush := func() bool {
			passed = true
			for _, e := range held {
				if !yield(e, nil) {
					return false
				}
			}
			return true
		}
		for e, err := range all {
			switch {
			case passed || err != nil:
			case e.Time.Equal(p.time) && positionOf(&e).hash == p.hash:
				passed = true
				continue
			case e.Time.Equal(p.time):
				held = append(held, e)
				continue
			default:
				if !flush() {
					return
				}
			}
			if !yield(e, err) {
				return
			}
		}
		if !passed {
			flush()
		}
	}
}
